"""Secrets that `runhook up` makes for itself, each a file of the data folder."""

import os
import secrets
from pathlib import Path

from runhook.config import private
from runhook.config.callers import TOKEN
from runhook.config.roles import SettingsError
from runhook.config.strength import weakness

BYTES = 48  # 64 characters once written; 32 bytes would do, and cost as little


def kept(path: Path) -> str:
    """The secret in a file; empty where there is none.

    Raises:
        SettingsError: What is there is not ours.
    """
    try:
        return private.read(path).strip()
    except OSError:
        return ""
    except ValueError as stranger:
        raise SettingsError(f"RUNHOOK_DATA_DIR: {stranger}") from None


def make(path: Path) -> None:
    """Write a random secret unless there is a file already.

    Raises:
        SettingsError: What is there is not ours.
    """
    try:
        with private.opened(path, "w", os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            file.write(secrets.token_urlsafe(BYTES))
    except FileExistsError:
        return
    except ValueError as stranger:
        raise SettingsError(f"RUNHOOK_DATA_DIR: {stranger}") from None


def token(path: Path) -> str:
    """The token of this machine's `web`, made now if there is none.

    Raises:
        SettingsError: What is there is not ours, or no token that is strong.
    """
    make(path)
    found = kept(path)
    if not TOKEN.fullmatch(found) or "," in found or weakness(found):
        raise SettingsError(
            f"RUNHOOK_DATA_DIR: {path} has no strong token in it; remove it, and another is made"
        )
    return found
