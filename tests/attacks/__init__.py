"""Attacks on the real processes: `make attacks`.

A group is a module that yields tries; each says what it sends and judges what comes back. A breach
is printed with the command that runs it alone again.
"""
