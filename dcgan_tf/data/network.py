"""What all downloads share: the timeout, the errors of a network, and a probe of a host."""

from __future__ import annotations

import http.client
import urllib.request

TIMEOUT = 10  # seconds without any data
NETWORK_ERRORS = (OSError, http.client.HTTPException)


def probe(url: str) -> None:
    """Check that the host answers a HEAD request.

    Call it before tensorflow-datasets downloads from the host, because its own retries take minutes.

    Raises: urllib.error.HTTPError if the host refuses the request, another OSError if it does not answer.
    """
    urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT).close()
