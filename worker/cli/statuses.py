"""Exit statuses of commands, as scripts read them."""

# The contract's exit statuses; click has 2 for wrong usage, too.
FAILED, WRONG, UNREACHABLE = 1, 2, 3
# As a shell says that Ctrl-C ended something: 128 and the number of SIGINT.
INTERRUPTED = 130
