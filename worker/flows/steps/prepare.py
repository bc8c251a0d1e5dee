"""What must be so before a paid request may leave: files are there, the app is known, the price is
within its limit. Nothing here is paid, and all of it may be done twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from runhook.worker import catalogue
from runhook.worker.catalogue import COMFY_KINDS, OLD_UPLOAD, Asset
from runhook.worker.domain import policy
from runhook.worker.domain.jobs import Job
from runhook.worker.domain.provider import Submit
from runhook.worker.domain.reports import App, Busy, Error, NeverLeft, Refused, Uploaded
from runhook.worker.errors import (
    NotFound,
    ProviderRefused,
    ProviderSilent,
    StorageUnavailable,
    UnreadableRecord,
)
from runhook.worker.flows.steps import price_now
from runhook.worker.flows.steps.refusals import unsent
from runhook.worker.secrets.sealing import unseal
from runhook.worker.wiring import Wiring

TOO_MANY_REQUESTS = "429"  # HTTP's own word, for an answer that only asks to slow down

Obstacle = Refused | NeverLeft | Busy


class Unready(Exception):
    """It cannot be sent now, or ever; `why` is the answer in a submit's words."""

    def __init__(self, why: Obstacle) -> None:
        self.why = why
        super().__init__(str(why))


def request_of(w: Wiring, job: Job) -> Submit:
    """The paid request of a job's current attempt, with everything it needs in place.

    Raises:
        Unready: It may not leave. Nothing was paid.
        UnreadableRecord: Its model is not known here.
    """
    of_a_known_model(job)
    options = _options(w, job)
    try:
        app = _app(w, job)
        given = _with_files_sent(w, job)
        too_dear = price_now.refusal(w, job, given)
    # In this order, for a refusal is a kind of silence: it was answered, and is judged by its code.
    except ProviderRefused as refused:
        raise Unready(_refused(w, str(refused), refused.code)) from refused
    except ProviderSilent as silent:
        raise Unready(_unanswered(w, silent)) from silent
    except StorageUnavailable as away:
        raise Unready(NeverLeft(why=f"{away}.", counted=True)) from away
    except NotFound as gone:
        raise Unready(unsent("asset", str(gone), "Upload it again.")) from gone
    if too_dear:
        raise Unready(too_dear)
    kind = w.client.capabilities.kind(job.spec.kind)
    return Submit(
        model=job.current_model,
        given=given,
        options=options,
        webhook_url=w.callback_url(job.id, job.attempt.n) if kind.calls_back else None,
        legacy=job.attempt.legacy,
        fields={field.key: field for field in app.fields} if app else {},
    )


def of_a_known_model(job: Job) -> None:
    """Look that a newer process has not put a model into the queue that this version does not have.

    Raises:
        UnreadableRecord: It has, and only that process can send it.
    """
    if job.spec.kind in COMFY_KINDS:
        return
    try:
        catalogue.find(job.current_model)
    except NotFound:
        why = f"its model {job.current_model} is not in this version's catalogue"
        raise UnreadableRecord(f"job {job.id}", why, newer=True) from None


def app_of(w: Wiring, webapp_id: str) -> App:
    """An app's fields, as RunningHub told them in the last minutes.

    Raises:
        ProviderRefused: There is no such app, or the key may not see it.
        ProviderSilent: No usable answer.
    """
    app = w.store.assets.app(webapp_id)
    if app is None:
        app = w.client.app(webapp_id)
        w.store.assets.app_is(webapp_id, app)
    return app


def _app(w: Wiring, job: Job) -> App | None:
    """The app of a job whose submit names every node it sets."""
    if not w.client.capabilities.kind(job.spec.kind).names_fields:
        return None
    return app_of(w, job.spec.model.split("/")[1])


def _options(w: Wiring, job: Job) -> dict[str, Any]:
    options = {
        key: value for key, value in job.spec.options.items() if key not in catalogue.EVERY_JOB
    }
    if sealed := options.get("accessPassword"):
        # Opened only now, on its way out, so that Redis never has it in the clear.
        password = unseal(w.settings.secrets, sealed)
        if password is None:
            why = "its access password was sealed with a secret that is gone"
            raise Unready(unsent("access_password", why, "Ask for the job again."))
        options["accessPassword"] = password
    return options


def _with_files_sent(w: Wiring, job: Job) -> dict[str, Any]:
    """The input as RunningHub takes it; a model's texts stay as they are."""
    params = () if job.spec.kind in COMFY_KINDS else catalogue.find(job.current_model).params
    texts = {param.name for param in params if param.type not in catalogue.FILES}
    return {
        name: value if name in texts else _sent(w, job, value)
        for name, value in job.current_input.items()
    }


def _sent(w: Wiring, job: Job, value: Any) -> Any:
    """A value as RunningHub takes it: assets become what it calls them, however deep they are."""
    if isinstance(value, list):
        return [_sent(w, job, item) for item in value]
    if isinstance(value, dict):
        return {name: _sent(w, job, item) for name, item in value.items()}
    asset = catalogue.ASSET.fullmatch(catalogue.asset_of(value))
    if asset is None:
        return value
    comfy = job.spec.kind in COMFY_KINDS
    kind = w.client.capabilities.kind(job.spec.kind)
    old = comfy and (kind.old_uploads or str(value).endswith(OLD_UPLOAD))
    sent = uploaded(w, asset[1], old=old)
    # Models take a file by its URL, ComfyUI nodes by its name.
    if not comfy and sent.url is None:
        raise ProviderSilent("RunningHub took the file and named no URL for it")
    return sent.file_name if comfy else sent.url


def uploaded(w: Wiring, asset_id: str, *, old: bool) -> Uploaded:
    """What RunningHub calls an asset; sent there once while it lives there.

    Raises:
        Unready: It is too large for the old upload, or another job is sending it now.
        NotFound: It is not kept here any more.
        ProviderRefused: RunningHub does not take the file.
        ProviderSilent: No usable answer.
        StorageUnavailable: It cannot be read.
    """
    way = "old" if old else "new"
    if found := w.store.assets.uploaded(asset_id, way):
        return found
    with w.store.assets.uploading(asset_id, way) as beat:
        if beat is None:
            # Waiting here would hold a place that jobs with other files could use.
            busy = "another job is sending the same file."
            raise Unready(NeverLeft(why=busy, again_in=policy.SENT_BY_ANOTHER_LOOK))
        # Looked up again: another job may have sent it between the first look and the lock.
        found = w.store.assets.uploaded(asset_id, way) or _upload(w, asset_id, old, beat)
        w.store.assets.was_uploaded(asset_id, way, found)
        return found


@dataclass
class _Beating:
    """A file that gives a sign of life while it is read."""

    file: IO[bytes]
    beat: Callable[[], None]

    def read(self, size: int = -1) -> bytes:
        self.beat()
        try:
            return self.file.read(size)
        except Exception as error:  # each place has errors of its own, OSError among them
            raise StorageUnavailable(f"the file cannot be read: {error}") from error


def _upload(w: Wiring, asset_id: str, old: bool, beat: Callable[[], None]) -> Uploaded:
    asset: Asset = w.store.assets.get(asset_id)
    largest = w.client.capabilities.largest_old_upload
    # By its record, before it is opened: no byte is uploaded in vain.
    if old and asset.media.size > largest:
        limit = f"{largest // 2**20} MB"
        why = f"asset {asset_id} has {asset.media.size} bytes, the old upload takes {limit}"
        raise Unready(unsent("asset", why, "Send a smaller file."))
    with w.storage.open(asset_id) as file:
        name = f"{asset_id}.{asset.media.ext}"
        return w.client.upload(name, _Beating(file, beat), asset.media.size, old=old)


def _unanswered(w: Wiring, silent: ProviderSilent) -> Obstacle:
    """No usable answer to what this job needs: its own trouble, if RunningHub answers otherwise."""
    if silent.busy:
        return Busy(code=TOO_MANY_REQUESTS, message=str(silent))
    own = silent.there or why_not_there(w) is None
    return NeverLeft(why=f"{silent}.", counted=own)


def why_not_there(w: Wiring) -> str | None:
    """Why RunningHub seems to be away. None when it is there: any answer below 500 proves that.

    One question that is out of order for good would stop the queue, so there are several.
    """
    why = None
    for ask in w.client.signs_of_life():
        try:
            ask()
        except ProviderSilent as silent:
            if silent.there:
                return None
            why = str(silent)
        else:
            return None
    return why


def _refused(w: Wiring, why: str, code: str) -> Obstacle:
    """A code in answer to a free question of the preparation."""
    row = w.client.explain(code)
    if row.again == "later":
        return Busy(code=code, message=why, own_machines=row.own_machines)
    # Trouble that passes by itself, as an upload that failed there: tried again, but counted.
    if row.passing:
        return NeverLeft(why=why, counted=True, code=code)
    return Refused(
        Error(
            code="rejected",
            message=f"{why} Nothing was sent, nothing was paid.",
            provider_code=code,
        ),
        sent=False,
    )
