"""How long a test waits for what has to come, however busy the machine is.

Nothing that is as it should be waits so long; what never comes fails before pytest's own timeout,
and so says where.
"""

from functools import partial

import httpx

PATIENCE = 60.0
"""Seconds after which a test that waits for the other side has failed."""

get = partial(httpx.get, timeout=PATIENCE)
post = partial(httpx.post, timeout=PATIENCE)
stream = partial(httpx.stream, timeout=PATIENCE)
Client = partial(httpx.Client, timeout=PATIENCE)
AsyncClient = partial(httpx.AsyncClient, timeout=PATIENCE)
