"""What every page tells the browser beside its text: what it may load, and to keep nothing."""

from flask import Request, Response

# Everything is our own, and nothing stands inline: what a job or a name holds can never run.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    # Other sites learn no address of ours. `no-referrer` would have browsers hide from us, too,
    # that a form is our own.
    "Referrer-Policy": "same-origin",
}


def as_page(html: str, status: int = 200) -> Response:
    """A page."""
    return Response(html, status, HEADERS, content_type="text/html; charset=utf-8")


def wants_page(incoming: Request) -> bool:
    """Whether a person asks, with a browser: programs say that they take HTML only if they do."""
    return "text/html" in incoming.headers.get("Accept", "")
