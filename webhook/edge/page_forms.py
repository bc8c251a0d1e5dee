"""The most that is read of a page's form, whichever server brings it."""

from flask import g, request

from runhook.webhook.edge.current import this_request

LARGEST_FILE = 2 * 1024**3  # bytes; models take less, LoRA files do not come this way
BUSY_FORM = 64 * 1024  # bytes of a form around its file
# Bytes of a form without files: as many texts as the application reads of one, and their names.
LARGEST_FORM = 4 * 1024 * 1024
# Bytes of what a stranger sends: the form with a token, and the button that signs out.
LARGEST_STRANGE = 8 * 1024
NEW = "/new/"  # begins the addresses of the forms of jobs, which may have files in them
PROGRAMS = ("/v1/", "/mcp", "/callbacks/")  # what is for programs alone: each says what it reads


def is_page() -> bool:
    """Whether it is asked with a browser, or by whoever has one ask."""
    return not this_request().path.startswith(PROGRAMS)


def bound_form() -> None:
    """Before every request, and before anything reads its form: whoever sends more is refused.

    Our own server has read it already, up to limits of its own. Others bring it as it comes, and
    files of a form would fill the disk.
    """
    if is_page():
        request.max_content_length = _largest(request.path)


def _largest(path: str) -> int:
    if g.get("caller") is None:
        return LARGEST_STRANGE
    if path.startswith(NEW):
        return LARGEST_FILE + BUSY_FORM
    return LARGEST_FORM
