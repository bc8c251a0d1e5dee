"""The Python client: the same promises in process and over HTTP."""
