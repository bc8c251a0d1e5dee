"""A form in a page as a browser without scripts has it: what it would post, and what is changed."""

from html.parser import HTMLParser
from typing import Any

Attributes = dict[str, str | None]


class FilledForm(HTMLParser):
    """The first form of a page that posts to an address which begins so."""

    def __init__(self, html: str, action: str) -> None:
        super().__init__()
        self._wanted, self._inside = action, False
        self._select: str | None = None
        self._area: str | None = None
        self.action = ""
        self.values: dict[str, list[str]] = {}
        self.attributes: dict[str, Attributes] = {}  # of each element with an id
        self.feed(html)
        assert self.action, f"there is no form to {action}"

    def posts(self, **changes: str | list[str]) -> dict[str, Any]:
        """What is posted after these changes; a dot in a name is written as two underscores."""
        named = {name.replace("__", "."): value for name, value in changes.items()}
        return self.values | named

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.attributes[str(given["id"])] = given
        if tag == "form" and not self.action and str(given.get("action")).startswith(self._wanted):
            self.action, self._inside = str(given["action"]), True
        if self._inside:
            self._take(tag, str(given.get("name") or ""), given)

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] = ["".join(self.values[self._area]) + data]

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area:
            text = "".join(self.values[self._area])
            self.values[self._area] = [text.removeprefix("\n")]
            self._area = None
        elif tag == "form":
            self._inside = False

    def _take(self, tag: str, name: str, given: Attributes) -> None:
        match tag:
            case "textarea":
                self._area = name
                self.values[name] = [""]
            case "select":
                self._select = name
            case "option" if self._select and "selected" in given:
                self.values[self._select] = [str(given.get("value") or "")]
            case "input" if given.get("type") in ("radio", "checkbox"):
                if "checked" in given:
                    self.values.setdefault(name, []).append(str(given["value"]))
            case "input" if name and given.get("type") != "file":
                self.values.setdefault(name, []).append(str(given.get("value") or ""))
