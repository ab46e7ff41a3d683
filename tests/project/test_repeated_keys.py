"""A service that repeats the API key, wherever and in whatever form, puts it into no error or log.

`make hostile` tries every form in every position with every verb.
"""

import itertools
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from apertis_audio_tools import ApertisAudio, ApertisError
from support.fake_clock import FakeClock
from support.keys.calls import arguments_of, verbs
from support.keys.detection import reveals
from support.keys.echo_forms import FORMS, KEYS
from support.keys.echo_positions import POSITIONS
from support.keys.shown_texts import texts_of_error, texts_of_record
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run
from support.wav_files import silent_wav

PAIRS = list(itertools.product(POSITIONS, FORMS))
IS_LONG = bool(os.environ.get("APERTIS_LONG_TESTS"))

pytestmark = pytest.mark.timeout(3600 if IS_LONG else 120)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """Return a list that the records of all loggers enter, at every level."""
    found, root = list[logging.LogRecord](), logging.getLogger()
    handler = logging.Handler()
    handler.emit = found.append  # type: ignore[method-assign,assignment]
    loggers = [root, *map(logging.getLogger, logging.root.manager.loggerDict)]
    levels = [each.level for each in loggers]
    root.addHandler(handler)
    for each in loggers:
        each.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(handler)
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)


def _leaks(
    run: Run,
    records: list[logging.LogRecord],
    verb: str,
    key: str,
    pairs: Iterable[tuple[str, str]],
    folder: Path,
) -> Iterator[tuple[str, str, str]]:
    """Call a verb once for each position and form; yield those whose echo is shown."""
    pairs = list(pairs)
    script = [POSITIONS[position](FORMS[form](key)) for position, form in pairs]
    arguments, options = arguments_of(verb, folder)
    with (
        LoopbackServer(script) as server,
        ApertisAudio(key, base_url=server.url, clock=FakeClock(), max_retries=0) as client,
    ):
        for position, form in pairs:
            records.clear()
            texts: list[str] = []
            try:
                run(client, verb, *arguments, **options)
            except ApertisError as error:
                texts += texts_of_error(error)
            texts += itertools.chain.from_iterable(map(texts_of_record, records))
            if reveals("\n".join(set(texts)), key):
                yield key, position, form
        if not verb.startswith("estimate"):  # it asks for prices once if there are none
            assert len(server.requests) == len(pairs)


def test_detection() -> None:
    """The detection of these tests finds a key in each of the forms."""
    assert len(PAIRS) >= 160
    forms = [(key, form) for key in KEYS for form in FORMS]
    assert [each for each in forms if not reveals(FORMS[each[1]](each[0]), each[0])] == []
    assert not reveals("An error page, and the traceback of it.", KEYS[0])


@pytest.mark.parametrize("key", KEYS)
def test_every_form(run: Run, records: list[logging.LogRecord], tmp_path: Path, key: str) -> None:
    """A message that repeats the key shows it in none of the forms."""
    forms = list(FORMS)[0 if IS_LONG else KEYS.index(key) :: 1 if IS_LONG else 4]
    # httpx quotes only a part of an invalid address, so that a redirect may show half a key.
    pairs = itertools.product(["message", "location without a host"], forms)
    assert list(_leaks(run, records, "models", key, pairs, tmp_path)) == []


@pytest.mark.parametrize("verb", verbs())
def test_every_position(
    run: Run, records: list[logging.LogRecord], tmp_path: Path, verb: str
) -> None:
    """No verb shows a key that is repeated, wherever that is in the response."""
    keys = KEYS if IS_LONG else [KEYS[verbs().index(verb) % len(KEYS)]]
    pairs = PAIRS if IS_LONG else PAIRS[verbs().index(verb) * 37 :: 511]
    leaks = [_leaks(run, records, verb, key, pairs, tmp_path) for key in keys]
    assert list(itertools.chain.from_iterable(leaks)) == []


def test_every_position_plainly(run: Run, records: list[logging.LogRecord], tmp_path: Path) -> None:
    """Every position is tried with each way to read a response: whole, as events, as audio."""
    for part, verb in enumerate(["transcribe", "stream_chat", "stream_speech"]):
        positions = POSITIONS if IS_LONG else list(POSITIONS)[part::3]
        pairs = [(position, "plain") for position in positions]
        assert list(_leaks(run, records, verb, KEYS[0], pairs, tmp_path)) == []


def test_results_have_no_key_in_their_request_id(run: Run) -> None:
    """The metadata of a successful response does not repeat the key either."""
    response = respond_json({"text": "Yes."}, x_request_id="id-of-key-of-a-test")
    with LoopbackServer([response]) as server, server.client() as audio:
        assert run(audio, "transcribe", silent_wav(8000)).request_id == "id-of-[API key]"


def test_results_keep_their_text(run: Run) -> None:
    """Words of a transcript are the caller's, and are not replaced."""
    response = respond_json({"text": "key-of-a-test"})
    with LoopbackServer([response]) as server, server.client() as audio:
        assert run(audio, "transcribe", silent_wav(8000)).text == "key-of-a-test"


@pytest.mark.parametrize("key", ["sk-1234", "  sk-1234 "])
def test_short_key(key: str) -> None:
    """A key that ordinary words may contain is refused without being shown."""
    with pytest.raises(ApertisError, match="fewer than 8 characters") as caught:
        ApertisAudio(key)
    assert key not in str(caught.value)
