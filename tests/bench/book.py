"""What handlers do when they are measured: a line in a file, the same in every system."""

import os
import time


def written(handler: str, job: str) -> None:
    """Append a line that says who was told of which job, and when."""
    line = f"{handler} {job} {time.time():.6f}\n".encode()
    book = os.open(os.environ["BOOK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(book, line)
    os.close(book)
