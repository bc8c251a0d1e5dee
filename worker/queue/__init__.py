"""Celery: the app, the messages that wake a lane, and the children and threads that work."""
