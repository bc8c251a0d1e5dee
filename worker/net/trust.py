"""TLS that trusts the usual authorities."""

import os
import ssl
from functools import cache

from urllib3.util.ssl_ import create_urllib3_context


@cache
def trusting(bundle: str) -> ssl.SSLContext:
    """TLS that trusts these authorities; to read all of them takes longer than a handshake.

    Args:
        bundle: Their certificates, a file or a folder.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    if os.path.isdir(bundle):
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)
    return context
