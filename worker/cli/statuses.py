"""Exit statuses of commands, as scripts read them."""

# The contract's exit statuses; click has 2 for wrong usage, too.
FAILED, WRONG, UNREACHABLE = 1, 2, 3
