"""What is being answered, without Flask's proxies.

A look through one takes 0.7 µs, and what is done around each request would look sixty times.
"""

from typing import Any

from flask import Flask, Request, current_app, g, request


def this_request() -> Request:
    """What `flask.request` stands for."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def this_app() -> Flask:
    """What `flask.current_app` stands for."""
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return found


def noted() -> Any:
    """What `flask.g` stands for: the notes on this request."""
    return g._get_current_object()
