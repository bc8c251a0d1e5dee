"""Measurements: runhook beside the naive, the bare and the quickest, in one run. `make bench`."""
