"""The calls, a noun a file."""
