"""Between a connection and a route: who calls, what may come in, how an answer is written."""
