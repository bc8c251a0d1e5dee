"""Telling handlers and subscribers of events, each on its own, until it has heard."""
