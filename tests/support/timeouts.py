"""Time limits for waits in tests, and httpx calls with these limits.

The limit is long enough for a busy machine and shorter than pytest's own timeout, so that a test
that waits in vain fails at the line that waits.
"""

from functools import partial

import httpx

TIMEOUT = 60.0
"""Seconds after which waiting for the other side fails."""

get = partial(httpx.get, timeout=TIMEOUT)
post = partial(httpx.post, timeout=TIMEOUT)
stream = partial(httpx.stream, timeout=TIMEOUT)
Client = partial(httpx.Client, timeout=TIMEOUT)
AsyncClient = partial(httpx.AsyncClient, timeout=TIMEOUT)
