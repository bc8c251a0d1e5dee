"""An answer, behind what a server says on its way to it."""

import http.client

# Answers of 1xx before the real one. Servers send one or two, those that take long one every few
# seconds; who sends more only keeps us busy until the time is over.
MOST = 20
SWITCHING = 101  # the last that is said in HTTP, so it is an answer


class FinalResponse(http.client.HTTPResponse):
    """An answer that is none of 1xx; Python's own skips 100 alone."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MOST + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200 or status == SWITCHING:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {MOST} interim answers and no other")
