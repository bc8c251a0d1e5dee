"""The application: its doors, the parts they use, and how errors are answered."""

from flask import Flask

from webhook import (
    account,
    assets,
    callbacks,
    deliveries,
    events,
    handlers,
    health,
    jobs,
    models,
    problems,
    subscriptions,
)
from webhook.streams import Hub
from worker.wiring import Wiring


def create_app(wiring: Wiring) -> Flask:
    """The web process's app over its parts."""
    app = Flask(__name__, static_folder=None)
    app.extensions["runhook"] = wiring
    app.extensions["runhook.hub"] = Hub(wiring)
    problems.register(app)
    doors = (
        callbacks,
        health,
        jobs,
        assets,
        models,
        account,
        subscriptions,
        handlers,
        deliveries,
        events,
    )
    for door in doors:
        app.register_blueprint(door.blueprint)
    return app
