"""RunningHub's API for free: a program of its own that shares no line with our client.

It keeps everything in memory, answers over real HTTP, calls back, and makes faults on request.
It does not imitate: content checks, graph validation beyond a field's presence, what run time
costs, rate limits (1003), and the website's own tasks.
"""
