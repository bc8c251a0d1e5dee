"""What a job, an event and a receiver are, and what may become of each. Pure."""
