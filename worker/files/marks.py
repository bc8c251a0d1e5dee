"""Marks in a place for files: which installations keep theirs there, and which of their roles."""

import io

from runhook.worker.files.place import Place

FOLDER = "marks"


class Marks:
    """One small file for each role of each installation: `marks/<installation>/<role>`."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def leave(self, installation: str, role: str, text: str) -> None:
        """A process of a role keeps files here.

        Args:
            installation: Its name.
            role: What it is.
            text: What helps whoever finds the mark and wonders whose it is.

        Raises:
            StorageUnavailable: The place does not take it.
        """
        self._place.put(f"{FOLDER}/{installation}/{role}", io.BytesIO(text.encode()))

    def roles(self, installation: str) -> set[str]:
        """Who of an installation keeps files here.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        return set(self._place.names(f"{FOLDER}/{installation}"))

    def others(self, installation: str) -> list[str]:
        """The installations that keep files here beside this one.

        Raises:
            StorageUnavailable: The place does not answer.
        """
        return [name for name in self._place.names(FOLDER) if name != installation]
