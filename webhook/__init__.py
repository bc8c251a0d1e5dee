"""The Flask application: where RunningHub's callbacks arrive, and the /v1 API."""
