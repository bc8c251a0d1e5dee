"""Whether what `up`, `demo` and `sandbox` start is installed."""

from runhook.config.settings import SettingsError
from runhook.worker.errors import StoreUnavailable
from runhook.worker.store.embedded import binary

PACKAGES = {"PIL": "pillow"}  # modules whose package has another name


def check_installed(*, server: bool, sandbox: bool) -> None:
    """Look whether everything that is about to be started is installed.

    Args:
        server: A Redis server of our own will run.
        sandbox: A sandbox will run.

    Raises:
        SettingsError: Something is missing; the line says what, and what to install.
    """
    # Everything that is missing at once, so that nobody installs it piece by piece.
    missing = []
    if sandbox:
        try:
            from runhook.worker.runninghub.sandbox import outputs as _draws_pictures  # noqa: F401
        except ImportError as error:
            missing.append(PACKAGES.get(error.name or "", str(error)))
    if server:
        try:
            binary()
        except StoreUnavailable:
            missing.append("a Redis server (or REDIS_URL, which names one of yours)")
    if missing:
        raise SettingsError(
            f"this needs {' and '.join(missing)}: pip install 'runhook[local]'. "
            "Nothing was started."
        )
