"""The way out: HTTP to others, guarded, and what others say made fit to be kept."""
