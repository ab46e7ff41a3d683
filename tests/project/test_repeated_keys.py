"""A service that repeats the API key, in whatever form, puts it into no error and no log."""

import base64
import html
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from urllib.parse import quote

import pytest

from apertis_audio_tools import ApertisAudio, ApertisError
from support.fake_clock import FakeClock
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import respond, respond_json, send_raw
from support.sync_async import Run
from support.wav_files import silent_wav

KEYS = ["sk-SECRETsecret1234567890", "sk-ab.SECRET+sec/ret99==", "SECRET~1", "x_sk-SEC'RET&%\"end"]
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "after an underscore": lambda key: f"x_{key}_y",
    "percent": lambda key: quote(key, safe=""),
    "every character in percent": lambda key: "".join(f"%{ord(char):02X}" for char in key),
    "JSON": lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    "HTML": html.escape,
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 of a header": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64 for addresses": lambda key: base64.urlsafe_b64encode(f":{key}:".encode()).decode(),
    "base64 in percent": lambda key: quote(base64.b64encode(key.encode()), safe=""),
    "hexadecimal": lambda key: key.encode().hex(),
    "in two lines": lambda key: f"{key[:6]}\n  {key[6:]}",
}


def _error(**fields: str) -> Callable[[str], Behaviour]:
    def behaviour(echo: str) -> Behaviour:
        shown = {name: value.format(echo) for name, value in fields.items()}
        return respond_json({"error": {"message": "No.", **shown}}, 401)

    return behaviour


def _head(template: str) -> Callable[[str], Behaviour]:
    return lambda echo: send_raw(
        template.format(echo.replace("\n", "")).replace("|", "\r\n").encode() + b"\r\n\r\n"
    )


PLACES: dict[str, Callable[[str], Behaviour]] = {
    "message": _error(message="Incorrect API key provided: {}. Check it."),
    "message that is cut": _error(message="x" * 490 + "{}"),
    "code": _error(code="bad key {}"),
    "param": _error(param="{}"),
    "text": lambda echo: respond_json({"detail": echo}, 500),
    "page": lambda echo: respond(200, ("<html>" + " " * 54 + echo).encode(), "text/html"),
    "error with success": lambda echo: respond_json({"error": {"message": echo, "code": echo}}),
    "request id": _head("HTTP/1.1 401 No|content-length: 0|x-request-id: {}"),
    "content encoding": _head("HTTP/1.1 200 OK|content-length: 0|content-encoding: {}"),
    "reason": _head("HTTP/1.1 401 No {}|content-length: 0"),
    "broken header": _head("HTTP/1.1 200 OK|Authorization Bearer {}"),
    "broken status line": _head("Authorization: Bearer {}"),
    "broken length": _head("HTTP/1.1 200 OK|content-length: {}"),
    "address of a redirect": _head("HTTP/1.1 302 No|content-length: 0|location: http://[{}"),
}


def _simplify(text: str) -> str:
    """Return a text without what may stand between the characters of a key."""
    return "".join(text.lower().split())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", KEYS)
def test_repeated_key(run: Run, caplog: pytest.LogCaptureFixture, key: str, place: str) -> None:
    """The key is in no text, attribute, cause, pickle or log record of an error."""
    for name in ("", "apertis_audio_tools", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    echoes = [encode(key) for encode in FORMS.values()]
    script = [PLACES[place](echo) for echo in echoes]
    with (
        LoopbackServer(script) as server,
        ApertisAudio(key, base_url=server.url, clock=FakeClock(), max_retries=0) as client,
    ):
        for echo in echoes:
            caplog.clear()
            with pytest.raises(ApertisError) as caught:
                run(client, "transcribe", silent_wav(4000))
            for where, text in _texts(caught.value, caplog.records).items():
                for secret in (_simplify(echo), key.lower()):
                    assert secret not in text, where
                    assert repr(secret)[1:-1] not in text, where


def _texts(error: ApertisError, records: list[logging.LogRecord]) -> dict[str, str]:
    texts = {
        "traceback": "".join(traceback.format_exception(error)),
        "attributes": json.dumps({**vars(error), "partial": None}),
        "pickle": repr(pickle.dumps(error)),
        "log": "\n".join(map(_show, records)),
    }
    return {where: _simplify(text) for where, text in texts.items()}


def _show(record: logging.LogRecord) -> str:
    stream = io.StringIO()
    logging.StreamHandler(stream).emit(record)
    return f"{stream.getvalue()} {record.args}"


def test_results_have_no_key_in_their_request_id(run: Run) -> None:
    """The metadata of a successful response does not repeat the key either."""
    response = respond_json({"text": "Yes."}, x_request_id="id-of-key-of-a-test")
    with LoopbackServer([response]) as server, server.client() as audio:
        assert run(audio, "transcribe", silent_wav(4000)).request_id == "id-of-[API key]"


@pytest.mark.parametrize("key", ["sk-1234", "  sk-1234 "])
def test_short_key(key: str) -> None:
    """A key that ordinary words may contain is refused without being shown."""
    with pytest.raises(ApertisError, match="fewer than 8 characters") as caught:
        ApertisAudio(key)
    assert key not in str(caught.value)
