"""What a page did while it was opened: what it fetched, and what the browser complained of."""

from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, Request, Response

# That a page itself is a 404, where it should be; and what taking a picture of a drawing brings.
NO_FAULT = ("Failed to load", "due to ReadPixels")
MEDIA = ("image", "media", "eventsource")  # what is not the page's own weight


@dataclass
class Watched:
    """One page from its first request on."""

    page: Page
    requests: list[Request] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("response", lambda answer: self.answers.append(answer))
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(map(message.text.count, NO_FAULT)):
            self.complaints.append(message.text)

    def open(self, path: str) -> Response:
        """Load a page until all it has is there."""
        answer = self.page.goto(path, wait_until="load")
        assert answer is not None
        return answer

    def foreign(self, origin: str) -> list[str]:
        """Requests that went elsewhere."""
        urls = [request.url for request in self.requests]
        return [url for url in urls if not url.startswith((f"{origin}/", "data:", "blob:"))]

    def weight(self, *kinds: str) -> int:
        """Bytes of what came, of some kinds or of all but media."""
        return sum(
            len(answer.body())
            for answer in self.answers
            if answer.ok and (answer.request.resource_type in kinds if kinds else _is_own(answer))
        )


def _is_own(answer: Response) -> bool:
    # A script fetches a model, and what it shows is media all the same.
    is_model = answer.headers.get("content-type", "").startswith("model/")
    return answer.request.resource_type not in MEDIA and not is_model
