"""GET /token/usage: the quota of the key."""

from pydantic import BaseModel

from apertis_audio_tools.api.call import Call, parse_json
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response
from apertis_audio_tools.models import UsagePeriod
from apertis_audio_tools.results import Balance


class _Data(BaseModel):
    used_quota_usd: float
    remain_quota_usd: float | None = None
    total_requests: int = 0
    total_tokens: int = 0


class _TokenUsage(BaseModel):
    data: _Data


def token_usage_call(period: UsagePeriod | None) -> Call[Balance]:
    """Return the call that asks for the quota of the key, and what it used in a period."""
    query = f"?period={period}" if period else ""
    return Call(Request("GET", f"/token/usage{query}"), _read)


def _read(response: Response) -> Balance:
    data = parse_json(response, _TokenUsage).data
    return Balance(
        remaining=data.remain_quota_usd,
        used=data.used_quota_usd,
        requests=data.total_requests,
        tokens=data.total_tokens,
    )
