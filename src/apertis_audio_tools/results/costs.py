"""Totals of usage and cost, and the balance of a key."""

from apertis_audio_tools.results.values import Value


class TotalUsage(Value):
    """Usage of a client since it was made, or of a recording.

    Attempts that failed count as well, unless they were certainly not billed. Transcripts from the
    cache cost nothing.

    Attributes:
        requests: Number of attempts that were billed, or may have been.
        seconds: Seconds of audio that were transcribed.
        input_tokens: Tokens sent, as far as responses reported them.
        output_tokens: Tokens received, as far as responses reported them.
        cost: Dollars, as reported by the service; where it reports nothing, by the price.
        reported_cost: The part of `cost` that the service reported.
        unpriced_requests: Number of the requests whose cost is not known, and not part of `cost`.
    """

    requests: int = 0
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    reported_cost: float = 0.0
    unpriced_requests: int = 0

    @property
    def known_cost(self) -> float | None:
        """Dollars of all requests; None if the cost of one of them is not known."""
        return None if self.unpriced_requests else self.cost


class Balance(Value):
    """Quota of an API key.

    Attributes:
        remaining: Dollars that are left; None if the key has no limit of its own.
        used: Dollars that were used.
        requests: Number of requests.
        tokens: Number of tokens.
    """

    remaining: float | None
    used: float
    requests: int
    tokens: int
