"""Delivering events to handlers and subscribers, to each on its own until it acknowledges."""
