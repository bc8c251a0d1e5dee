"""What a browser posted, read safely: names that the form has, each with its texts. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runhook.worker.errors import Fault

# Of one form: a job may have 1000 fields of nodes, and each is a name and a value.
MOST_TEXTS = 2500
LONGEST_NAME = 300  # characters that are read; those of a form's own names are some dozens
TWICE = "is given more than once"
UNKNOWN = "is not a field of this form; open the page again and fill it in"


@dataclass(frozen=True)
class Posted:
    """The texts of a form by the names of its fields, in the order in which they came."""

    texts: Mapping[str, Sequence[str]]

    def one(self, name: str, default: str = "") -> str:
        """The text of a field that has one."""
        found = self.texts.get(name)
        if not found:
            return default
        return found[-1]

    def all(self, name: str) -> list[str]:
        """The texts of a field that may have several; those of boxes that are ticked."""
        return [text for text in self.texts.get(name, ()) if text]

    def under(self, prefix: str) -> dict[str, Sequence[str]]:
        """Every name that begins so, without its beginning."""
        return {
            name.removeprefix(prefix): texts
            for name, texts in self.texts.items()
            if name.startswith(prefix)
        }


def read(pairs: Iterable[tuple[str, str]]) -> tuple[Posted, list[Fault]]:
    """A form from the pairs that were posted, and what is wrong with their names."""
    texts: dict[str, list[str]] = {}
    for count, (name, text) in enumerate(pairs):
        if count == MOST_TEXTS:
            why = f"more than {MOST_TEXTS} fields were posted, and the rest was not read"
            return Posted(texts), [Fault(path="", message=why)]
        texts.setdefault(name[:LONGEST_NAME], []).append(text)
    return Posted(texts), []


def name_faults(posted: Posted, once: Iterable[str], several: Iterable[str]) -> list[Fault]:
    """Names that the form does not have, and fields with one text that came with two.

    Args:
        posted: What came.
        once: Names whose field has one text.
        several: Names whose field may have more.
    """
    single, known = set(once), {*once, *several}
    faults = []
    for name, texts in posted.texts.items():
        if name not in known:
            # No nearest name: nobody types these, and looking for it takes long.
            faults.append(Fault(path=name, message=UNKNOWN))
        elif name in single and len(texts) > 1:
            faults.append(Fault(path=name, message=TWICE))
    return faults
