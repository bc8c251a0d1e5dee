"""Every kind of problem that a call is answered with: its stable `type`, what it means. Pure.

The same table makes `docs/problems.md` and the pages that `type` leads to.
"""

from dataclasses import dataclass

PLACE = "/docs/problems/"  # before a kind's name: where web explains it


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of problem.

    Attributes:
        name: The end of its `type`, which stays the same for ever.
        status: The HTTP status.
        title: In a few words, the same each time.
        means: What happened, and what it means for the money.
        then: What to do about it.
    """

    name: str
    status: int
    title: str
    means: str
    then: str

    @property
    def type(self) -> str:
        """What a problem document has as its `type`."""
        return f"{PLACE}{self.name}"


INVALID = Kind(
    name="invalid-request",
    status=422,
    title="Invalid request",
    means="The request is wrong in the places that `errors` lists. Nothing was sent or paid.",
    then="Mend all of them: each has its path, what is allowed and the name probably meant.",
)
NOT_FOUND = Kind(
    name="not-found",
    status=404,
    title="Not found",
    means="There is no such thing, or it is another tenant's. Nothing was done.",
    then="Look at the id or name; `nearest` has those probably meant.",
)
CONFLICT = Kind(
    name="conflict",
    status=409,
    title="Conflict",
    means="The request contradicts the present state, which stays. This call cost nothing.",
    then="Read the job, and decide anew. A used Idempotency-Key needs its first body.",
)
OVER_BUDGET = Kind(
    name="over-budget",
    status=402,
    title="Payment Required",
    means="The day's budget has no room for what the job may cost. Nothing is paid.",
    then="Ask again once the day has ended (`ends_at`), or raise RUNHOOK_BUDGET_DAY.",
)
TRIMMED = Kind(
    name="trimmed",
    status=410,
    title="Gone",
    means="The events behind this cursor are no longer kept.",
    then="Read on from `oldest`; `runhook recover` makes good what was missed.",
)
GONE = Kind(
    name="gone",
    status=410,
    title="Gone",
    means="It was there, and nobody has it any more.",
    then="Nothing brings it back; a new job makes it anew.",
)
STORE = Kind(
    name="store-unavailable",
    status=503,
    title="Store unavailable",
    means="Redis does not answer. What was asked may have been done (`maybe_done`).",
    then="Ask again after `Retry-After`; a submit with the same Idempotency-Key pays once.",
)
UNREADABLE = Kind(
    name="unreadable-record",
    status=503,
    title="Not for this version",
    means="A newer version's record, or a broken one. Nothing was changed.",
    then="Ask again where a newer version runs beside; else `runhook doctor` names it.",
)
STORAGE = Kind(
    name="storage-unavailable",
    status=503,
    title="Storage unavailable",
    means="The storage of files neither takes nor gives one. Nothing is paid.",
    then="Send it again after `Retry-After`.",
)
REFUSED = Kind(
    name="provider-refused",
    status=502,
    title="Refused by RunningHub",
    means="RunningHub answered a free question with no. Nothing is paid.",
    then="`provider_code` is its own code; `detail` says what to do.",
)
SILENT = Kind(
    name="provider-silent",
    status=503,
    title="RunningHub does not answer",
    means="RunningHub gave no usable answer to a free question. Nothing was changed.",
    then="Ask again after `Retry-After`.",
)
INTERNAL = Kind(
    name="internal-error",
    status=500,
    title="Internal error",
    means="runhook made a mistake. A submit may have been accepted all the same.",
    then="Report what the log says beside the answer's X-Request-Id; repeat with the same key.",
)
UNAUTHORIZED = Kind(
    name="unauthorized",
    status=401,
    title="Unauthorized",
    means="No token, or a wrong one. Nothing was done.",
    then="Send `Authorization: Bearer <token>`, one of RUNHOOK_API_TOKENS.",
)
FORBIDDEN = Kind(
    name="forbidden",
    status=403,
    title="Forbidden",
    means="The token's scopes do not open this call. Nothing was done.",
    then="Use a token with the scope that `detail` names.",
)
METHOD = Kind(
    name="method-not-allowed",
    status=405,
    title="Method Not Allowed",
    means="There is such a path, but not with this method. Nothing was done.",
    then="The answer's `Allow` has the methods.",
)
PRECONDITION = Kind(
    name="precondition-failed",
    status=412,
    title="Precondition Failed",
    means="The file is another one than the request's If-Match or If-Unmodified-Since wants.",
    then="Ask without it.",
)
TIMEOUT = Kind(
    name="request-timeout",
    status=408,
    title="Request Timeout",
    means="The body did not come whole in time. Nothing was kept or paid.",
    then="Send it again.",
)
TOO_LARGE = Kind(
    name="body-too-large",
    status=413,
    title="Request Entity Too Large",
    means="The body is larger than this call takes. Nothing was kept or paid.",
    then="Send less; files go to `POST /v1/assets` first.",
)
MEDIA = Kind(
    name="unsupported-media-type",
    status=415,
    title="Unsupported Media Type",
    means="The body does not say that it is what this call takes. Nothing was done.",
    then="Send the Content-Type that `detail` names.",
)
RANGE = Kind(
    name="range-not-satisfiable",
    status=416,
    title="Requested Range Not Satisfiable",
    means="The file has no such part.",
    then="The answer's `Content-Range` has its size.",
)
TOO_MANY = Kind(
    name="too-many-requests",
    status=429,
    title="Too Many Requests",
    means="Too many calls, or too many wrong tokens. Nothing was done.",
    then="Come again after `Retry-After`. RUNHOOK_RATE_LIMIT says how many a minute may be.",
)
BUSY = Kind(
    name="busy",
    status=503,
    title="Service Unavailable",
    means="As much of this goes on here as may, or web cannot do it as it is set.",
    then="`detail` says which; ask again after `Retry-After`.",
)

# What HTTP itself refuses: the status says the kind.
OF_HTTP = (
    NOT_FOUND,
    INTERNAL,
    UNAUTHORIZED,
    FORBIDDEN,
    METHOD,
    PRECONDITION,
    TIMEOUT,
    TOO_LARGE,
    MEDIA,
    RANGE,
    TOO_MANY,
    BUSY,
)
KINDS = (
    INVALID,
    CONFLICT,
    OVER_BUDGET,
    TRIMMED,
    GONE,
    STORE,
    UNREADABLE,
    STORAGE,
    REFUSED,
    SILENT,
    *OF_HTTP,
)
BY_STATUS = {kind.status: kind for kind in OF_HTTP}
