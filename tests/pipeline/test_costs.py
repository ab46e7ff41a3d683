"""Estimates of a run, its cost, and limits that stop it."""

import contextlib
import copy
import io
import pickle
import wave
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from apertis_audio_tools import (
    MODELS,
    ApertisAudio,
    BudgetExceededError,
    ConfigurationError,
    MalformedResponseError,
    Outcome,
    Price,
    RecordingError,
    ServerError,
    UnsupportedError,
)
from apertis_audio_tools.pipeline.accounts import Account, Limits
from support.estimated_runs import estimate_and_run
from support.fake_clock import FakeClock
from support.limited_batches import run_limited_batch
from support.loopback_server import Behaviour, Exchange, LoopbackServer
from support.scripted_responses import respond_error, respond_json
from support.sync_async import Run
from support.tiny_recordings import tiny_recordings
from support.wav_files import wav_bytes

DOLLARS_PER_HOUR = 0.36
HALF_A_MINUTE = ("half.wav", wav_bytes(bytes(30 * 16_000 * 2)))
TEN_SECONDS = [(f"{number}.wav", wav_bytes(bytes([number, 0]) * 160_000)) for number in range(4)]
ENOUGH_FOR_TWO = 21.0


def transcript(usage: object = None) -> Behaviour:
    """Return the behaviour of a service that transcribes everything, and has no catalogue."""
    respond = respond_json({"text": "Words.", "usage": usage})
    refuse = respond_error(404, "endpoint_not_found")

    def behave(exchange: Exchange) -> None:
        is_audio = "/audio/" in exchange.received.target
        (respond if is_audio else refuse)(exchange)

    return behave


@contextlib.contextmanager
def service(*script: Behaviour, **settings: Any) -> Iterator[tuple[LoopbackServer, ApertisAudio]]:
    """Yield a server that follows a script, and its client."""
    settings = {"cache": False, "clock": FakeClock(), "max_concurrency": 1, **settings}
    with (
        LoopbackServer([*script] or [transcript()]) as server,
        ApertisAudio("sk-costs-test", base_url=server.url, **settings) as client,
    ):
        yield server, client


def uploads(server: LoopbackServer) -> int:
    """Return the number of recordings that arrived."""
    return sum("/audio/" in each.target for each in server.requests)


def test_estimates(beacon_url: str, tmp_path: Path) -> None:
    """Estimates differ from what is billed by 2 % at most; requests do not differ."""
    runs = list(estimate_and_run(beacon_url, tmp_path, count=12, scale=0.3))
    assert [each.requests for each in runs] == [each.sent for each in runs]
    assert [each.estimated for each in runs] == pytest.approx(
        [each.counted for each in runs], rel=0.02, abs=0.02
    )
    assert {each.cached_pieces > 0 for each in runs} == {True, False}


def test_limits_under_faults() -> None:
    """No random batch costs more than its limit, whatever is refused, lost or sent again."""
    batches = [run_limited_batch(seed) for seed in range(12)]
    assert all(each.billed <= each.limit for each in batches)
    assert {each.is_stopped for each in batches} == {True, False}


def test_estimate_sends_no_audio(run: Run) -> None:
    """An estimate has the requests, the bytes and the cost of the run, and sends none of it."""
    with service() as (server, client):
        estimate = run(
            client, "estimate", [HALF_A_MINUTE], model="whisper-1", piece_seconds=10, uplink_mbps=1
        )
        assert uploads(server) == 0
        client.transcribe(HALF_A_MINUTE, model="whisper-1", piece_seconds=10)
        sent = [each for each in server.requests if "/audio/" in each.target]
    assert estimate.requests == estimate.pieces == len(sent)
    assert estimate.size == sum(each.size for each in sent)
    assert estimate.seconds == pytest.approx(30, abs=0.1)
    assert estimate.cost == pytest.approx(30 * DOLLARS_PER_HOUR / 3600, rel=0.01)
    assert estimate.upload_minutes == pytest.approx(estimate.size * 8 / 1e6 / 60)
    assert estimate.price == MODELS["whisper-1"].price


def test_estimate_of_unreadable_recordings(run: Run) -> None:
    """A recording that cannot be read is part of the estimate, or raises its error."""
    sources = ["missing.wav", TEN_SECONDS[0]]
    with service() as (_, client):
        estimate = run(client, "estimate", sources, model="whisper-1")
        with pytest.raises(RecordingError, match=r"missing\.wav"):
            run(client, "estimate", sources, model="whisper-1", on_error="raise")
        with pytest.raises(ConfigurationError, match="uplink_mbps"):
            run(client, "estimate", sources, uplink_mbps=0)
    assert [each.source for each in estimate.failures] == ["missing.wav"]
    assert estimate.requests == 1


@pytest.mark.parametrize("share", [1.0, 0.9])
def test_estimate_as_limit(share: float, run: Run) -> None:
    """The limit that an estimate names is enough for the run, and less is not."""
    options: dict[str, Any] = {"model": "whisper-1", "piece_seconds": 10}
    with service(max_concurrency=8) as (_, client):
        limit = client.estimate([HALF_A_MINUTE], **options).max_cost or 0.0
        if share == 1:
            run(client, "transcribe", HALF_A_MINUTE, max_cost=limit, **options)
            return
        with pytest.raises(BudgetExceededError, match="max_cost") as caught:
            run(client, "transcribe", HALF_A_MINUTE, max_cost=limit * share, **options)
    assert caught.value.partial
    assert caught.value.partial.transcript.text == "Words. Words."


def test_prices_of_the_service(run: Run) -> None:
    """The prices in the catalogue of the service come before those of the table."""
    rows = [
        {"model_id": "whisper-1", "input_price": 0.01, "charge_type": "per_minute"},
        {"model_id": "whisper-large-v3", "input_price": 7, "charge_type": "tokens"},
        {"id": "gpt-4o-transcribe", "charge_type": "free"},
    ]
    catalogue = respond_json({"data": {"models": rows, "pagination": {"total": 3}}})
    found = {}
    with service(catalogue) as (_, client):
        for model in ("whisper-1", "whisper-large-v3", "gpt-4o-transcribe", "gpt-transcribe"):
            found[model] = run(client, "estimate", TEN_SECONDS[:1], model=model).price
    assert found["whisper-1"].per_hour == pytest.approx(0.6)
    assert found["whisper-large-v3"] == MODELS["whisper-large-v3"].price
    assert found["gpt-4o-transcribe"].per_hour == 0
    assert found["gpt-transcribe"] is None


def test_own_prices() -> None:
    """A price that the caller sets comes before all others, and may be the only one."""
    price = Price("our contract", date(2026, 11, 27), per_hour=3.6)
    models = MODELS | {"gpt-transcribe": replace(MODELS["gpt-transcribe"], price=price)}
    with service(models=models) as (_, client):
        estimate = client.estimate(TEN_SECONDS[:1], model="gpt-transcribe")
        client.transcribe(TEN_SECONDS[0], model="gpt-transcribe", max_cost=1)
    assert estimate.cost == pytest.approx(0.01)
    assert client.total_usage.cost == pytest.approx(0.01)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_unknown_price(on_error: str, run: Run) -> None:
    """A limit on an unknown cost is refused before any audio is sent."""
    options = {"model": "gpt-4o-transcribe", "max_cost": 1, "on_error": on_error}
    with service(max_concurrency=4) as (server, client):
        with pytest.raises(ConfigurationError, match="gpt-4o-transcribe is not known"):
            run(client, "transcribe_many", TEN_SECONDS, **options)
        assert uploads(server) == 0


def test_chat_with_a_limit(run: Run) -> None:
    """A client with a limit refuses what costs tokens, before it sends anything."""
    with service(max_cost=1.0) as (server, client):
        with pytest.raises(ConfigurationError, match="tokens of a chat"):
            run(client, "chat", "Hello?", model="gpt-4o-audio-preview")
        with pytest.raises(ConfigurationError, match="tokens of a chat"):
            run(client, "translate", TEN_SECONDS[0], model="whisper-1", to="de")
        assert [each.target for each in server.requests if each.method == "POST"] == []


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_batch_beyond_a_limit(on_error: str, run: Run) -> None:
    """A batch hands over what was finished, and then raises."""
    finished: list[Outcome] = []
    with service() as (server, client):
        with pytest.raises(BudgetExceededError, match="max_audio_seconds is 21"):
            run(
                cast("ApertisAudio", _Collecting(client, finished)),
                "transcribe_many",
                TEN_SECONDS,
                model="whisper-1",
                max_audio_seconds=ENOUGH_FOR_TWO,
                on_error=on_error,
            )
        assert uploads(server) == 2
    assert [each.label for each in finished] == ["0.wav", "1.wav"]
    assert [each.total_usage.seconds for each in finished] == [10, 10]


class _Collecting:
    """A client whose batches keep their outcomes in a list as well."""

    def __init__(self, client: ApertisAudio, outcomes: list[Any]) -> None:
        self._client = client
        self._outcomes = outcomes

    def transcribe_many(self, *args: Any, **options: Any) -> Iterator[Any]:
        for outcome in self._client.transcribe_many(*args, **options):
            self._outcomes.append(outcome)
            yield outcome

    async def atranscribe_many(self, *args: Any, **options: Any) -> Any:
        async for outcome in self._client.atranscribe_many(*args, **options):
            self._outcomes.append(outcome)
            yield outcome


@pytest.mark.parametrize(
    ("status", "counted"), [(429, 1), (400, 0), (402, 0), (404, 0), (502, 2), (503, 2), (408, 2)]
)
def test_failed_attempts(status: int, counted: int, run: Run) -> None:
    """A failed attempt counts unless it was certainly not billed."""
    failing = respond_error(status, "some_code", **{"retry-after": "1"})
    with service(failing, transcript()) as (_, client):
        with contextlib.suppress(Exception):
            run(client, "transcribe", TEN_SECONDS[0], model="whisper-1")
        assert client.total_usage.requests == counted
        assert client.total_usage.seconds == 10 * counted


def test_repeated_attempts(run: Run) -> None:
    """An attempt that is repeated counts again, and is not sent beyond the limit."""
    with service(respond_error(502, "upstream_error")) as (server, client):
        with pytest.raises(BudgetExceededError):
            run(client, "transcribe", TEN_SECONDS[0], max_audio_seconds=ENOUGH_FOR_TWO)
        assert uploads(server) == 2


def test_unusable_responses(run: Run) -> None:
    """A response that cannot be read was paid for."""
    with service(respond_json({"nonsense": 1})) as (_, client):
        with pytest.raises(MalformedResponseError):
            run(client, "transcribe", TEN_SECONDS[0], model="whisper-1")
        assert client.total_usage.requests == 1


def test_unreachable_services(run: Run) -> None:
    """A request that could not be sent costs nothing."""
    with service() as (server, _):
        url = server.url
    with ApertisAudio("sk-costs-test", base_url=url, max_retries=0, cache=False) as client:
        with pytest.raises(Exception, match="connection"):
            run(client, "transcribe", TEN_SECONDS[0], model="whisper-1")
        assert client.total_usage.requests == 0


def test_reported_cost(run: Run) -> None:
    """The cost that the service reports replaces the one that was expected."""
    usage = {"seconds": 20, "cost": 0.5, "input_tokens": 7}
    with service(transcript(usage)) as (_, client):
        run(client, "transcribe", TEN_SECONDS[0], model="whisper-1")
        used = client.total_usage
        with pytest.raises(BudgetExceededError, match=r"\$0.5 of it is spent"):
            run(client, "transcribe_many", TEN_SECONDS, model="whisper-1", max_cost=0.5005)
    assert (used.cost, used.reported_cost, used.seconds) == (0.5, 0.5, 20)
    assert used.input_tokens == 7
    assert used.known_cost == 0.5


def test_unknown_cost_in_totals(run: Run) -> None:
    """A total says how many requests it has no cost of."""
    with service() as (_, client):
        run(client, "transcribe", TEN_SECONDS[0], model="gpt-4o-transcribe")
        assert client.total_usage.unpriced_requests == 1
        assert client.total_usage.known_cost is None


def test_cached_answers(tmp_path: Path, run: Run) -> None:
    """Cached transcripts cost nothing, and pass every limit."""
    with service(cache=tmp_path) as (server, client):
        run(client, "transcribe", TEN_SECONDS[0], model="whisper-1")
        run(client, "transcribe", TEN_SECONDS[0], model="whisper-1", max_cost=0)
        estimate = run(client, "estimate", TEN_SECONDS[:1], model="whisper-1")
        assert uploads(server) == client.total_usage.requests == 1
    assert (estimate.requests, estimate.cached_pieces, estimate.cost) == (0, 1, 0)


def test_limit_of_a_client(run: Run) -> None:
    """The limit of a client holds for all its calls together, and those of calls besides."""
    with service(max_audio_seconds=ENOUGH_FOR_TWO) as (server, client):
        for source in TEN_SECONDS[:2]:
            run(client, "transcribe", source, model="whisper-1", max_audio_seconds=11)
        with pytest.raises(BudgetExceededError):
            run(client, "transcribe", TEN_SECONDS[2], model="whisper-1")
        assert uploads(server) == 2
        assert client.total_usage.seconds == 20


def test_speech(run: Run) -> None:
    """Speech costs its characters: before, after, and at the limit."""
    text = "A sentence. " * 500
    audio = respond_error(500, "internal_error")
    with service(audio, max_cost=0.09, max_retries=0) as (_, client):
        estimate = run(client, "estimate_speech", text, model="tts-1")
        with pytest.raises(ServerError):
            run(client, "speak", text, model="tts-1")
        assert client.total_usage.cost > 0
        with pytest.raises(BudgetExceededError):
            run(client, "speak", text, model="tts-1")
    assert estimate.cost == pytest.approx(estimate.characters * 15e-6)
    assert estimate.requests == 2
    assert 5900 < estimate.characters <= len(text)


def test_balance(run: Run) -> None:
    """The balance has what the service tells; a service that tells nothing is named."""
    data = {
        "used_quota_usd": 1.5,
        "remain_quota_usd": 8.5,
        "total_requests": 3,
        "total_tokens": 40,
    }
    with service(respond_json({"success": True, "data": data})) as (server, client):
        balance = run(client, "balance", "week")
        assert server.requests[0].target.endswith("/token/usage?period=week")
    assert (balance.used, balance.remaining, balance.requests, balance.tokens) == (1.5, 8.5, 3, 40)
    silent = respond_error(404, "endpoint_not_found")
    with service(silent) as (_, client), pytest.raises(UnsupportedError, match="balance"):
        run(client, "balance")


@pytest.mark.parametrize("name", ["max_cost", "max_audio_seconds"])
@pytest.mark.parametrize("value", [-1, "1", float("nan"), True])
def test_invalid_limits(name: str, value: Any) -> None:
    """A limit is a number from 0 on."""
    with pytest.raises(ConfigurationError, match=name):
        ApertisAudio("sk-costs-test", **{name: value})


def test_copies_of_accounts() -> None:
    """Copies of an account are the account itself; a pickled one has its limits."""
    account = Account(Limits(max_audio_seconds=5))
    assert copy.deepcopy(account) is copy.copy(account) is account
    assert pickle.loads(pickle.dumps(account)).limits == account.limits


@pytest.mark.parametrize(
    "options", [{"speakers": "channels"}, {"pauses": "shorten"}, {"piece_seconds": 8}]
)
def test_estimate_of_two_speakers(options: dict[str, Any], run: Run) -> None:
    """An estimate counts the channels that are sent, and leaves out pauses that are not."""
    generator = np.random.default_rng(0)
    samples = np.zeros((30 * 16_000, 2))
    samples[: 8 * 16_000, 0] = generator.normal(0, 3000, 8 * 16_000)
    samples[20 * 16_000 :, 1] = generator.normal(0, 3000, 10 * 16_000)
    source = ("two.wav", stereo_wav(samples.astype("<i2").tobytes()))
    with service() as (server, client):
        estimate = run(client, "estimate", [source], model="whisper-1", **options)
        client.transcribe(source, model="whisper-1", **options)
        assert estimate.requests == uploads(server) > 0
        assert estimate.seconds == pytest.approx(client.total_usage.seconds)
    if "pauses" in options:
        assert estimate.seconds < 25


def stereo_wav(samples: bytes) -> bytes:
    """Return a wav of two channels."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(2)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(samples)
    return file.getvalue()


def test_estimate_of_short_recordings() -> None:
    """A recording that is too short to be sent needs no request."""
    short = ("short.wav", wav_bytes(bytes(2 * 800)))
    with service() as (_, client):
        estimate = client.estimate([short, *tiny_recordings(1)], model="whisper-1")
    assert estimate.recordings[0].requests == 0
    assert estimate.recordings[0].cached_pieces == 1
