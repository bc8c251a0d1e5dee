"""Measurements: what fan-out costs, as a ratio within one run. `make bench`."""
