"""Accounts of API keys: what each of them has used since the sandbox started."""

import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

_QUOTA_DOLLARS: Final = 100.0


@dataclass
class _Account:
    requests: int = 0
    tokens: int = 0
    dollars: float = 0.0


class Accounts:
    """Requests, tokens and dollars of each key; only models with a known price cost anything."""

    def __init__(self) -> None:
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)
        self._lock = threading.Lock()

    def add(self, key: str, *, requests: int = 0, tokens: int = 0, dollars: float = 0.0) -> None:
        """Add to what a key has used."""
        with self._lock:
            account = self._accounts[key]
            account.requests += requests
            account.tokens += tokens
            account.dollars += dollars

    def usage(self, key: str) -> dict[str, object]:
        """Return what a key has used, as GET /v1/token/usage shows it."""
        account = self._accounts.get(key, _Account())
        return {
            "used_quota_usd": round(account.dollars, 6),
            "remain_quota_usd": round(_QUOTA_DOLLARS - account.dollars, 6),
            "total_requests": account.requests,
            "total_tokens": account.tokens,
        }


def accounts_of(request: Request) -> Accounts:
    """Return the accounts of the sandbox that serves a request."""
    accounts: Accounts = request.app.state.accounts
    return accounts
