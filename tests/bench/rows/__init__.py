"""What is measured, a row a file: each has a `NAME`, a line that says `WHAT`, and a `run`."""
