"""The application: its doors, the parts they use, and how errors are answered."""

from flask import Flask

from webhook import account, assets, callbacks, health, jobs, models, problems
from worker.wiring import Wiring


def create_app(wiring: Wiring) -> Flask:
    """The web process's app over its parts."""
    app = Flask(__name__, static_folder=None)
    app.extensions["runhook"] = wiring
    problems.register(app)
    for door in (callbacks, health, jobs, assets, models, account):
        app.register_blueprint(door.blueprint)
    return app
