"""`runhook.webhook.wsgi:app`: the same application under gunicorn or any other WSGI server.

`python -m runhook.webhook.serve` serves it better: a WSGI server gives each request one of its few
threads while its body comes, and callbacks no places of their own. Put a proxy that holds bodies
back before it, and turn its access log off or mask /callbacks/ there: their paths are secret.
docs/servers.md says how to start each of three, and what differs.
"""

import sys

from flask import Flask

from runhook.config.settings import Settings, SettingsError
from runhook.webhook.app import create_app
from runhook.worker.errors import StoreUnavailable
from runhook.worker.flows.steps.storing import keep_files
from runhook.worker.telemetry import configure, report
from runhook.worker.wiring import assemble, check_server

# The status by which gunicorn knows that an application did not load: with any other it starts its
# worker again at once, and without end.
NOT_LOADED = 4


def load() -> Flask:
    """The application over the settings of this process.

    Raises:
        SystemExit: A setting is missing or wrong, or Redis refuses; one line says which.
    """
    configure()
    try:
        settings = Settings.load("web")
        wiring = assemble(settings, patience="door")
        check_server(wiring, role="web")
        keep_files(wiring, "web")
    except (SettingsError, StoreUnavailable) as wrong:
        print(f"runhook: {wrong}", file=sys.stderr)
        sys.exit(NOT_LOADED)
    report("process.started", role="web", port=settings.port)
    return create_app(wiring)


app = load()
