"""The positions in a response in which a service, or a gateway, may repeat an API key."""

import gzip
import json
from collections.abc import Callable
from typing import Any

from support.loopback_server import Behaviour
from support.scripted_responses import respond, respond_json, send_raw

Position = Callable[[str], Behaviour]


def _error(status: int = 401, **fields: str) -> Position:
    def behaviour(echo: str) -> Behaviour:
        shown = {name: value.format(echo) for name, value in fields.items()}
        return respond_json({"error": {"message": "No.", **shown}}, status)

    return behaviour


def _json(template: str, status: int = 200, media_type: str = "application/json") -> Position:
    """Return the position of a JSON string in a template, whose marker is ``@``."""

    def behaviour(echo: str) -> Behaviour:
        return respond(status, template.replace("@", json.dumps(echo)).encode(), media_type)

    return behaviour


def _text(template: str, status: int, media_type: str, **headers: str) -> Position:
    def behaviour(echo: str) -> Behaviour:
        return respond(status, template.replace("@", echo).encode(), media_type, **headers)

    return behaviour


def _raw(template: str) -> Position:
    """Return the position in a raw response, whose lines end with ``|``."""

    def behaviour(echo: str) -> Behaviour:
        line = " ".join(echo.splitlines())
        return send_raw(template.replace("|", "\r\n").replace("@", line).encode())

    return behaviour


def _head(template: str) -> Position:
    return _raw(template + "|connection: close||")


def _events(*events: str) -> Position:
    return _json("".join(f"{event}\n\n" for event in events), 200, "text/event-stream")


def _not_utf8(echo: str) -> Behaviour:
    return respond(200, f'{{"text": "{echo}'.encode() + b'\xff"}', "application/json")


def _not_gzip(echo: str) -> Behaviour:
    body = gzip.compress(b"{}")[:12] + echo.encode()
    return respond(200, body, "application/json", content_encoding="gzip")


def _with_trailer(echo: str) -> Behaviour:
    return _raw(
        "HTTP/1.1 401 No|transfer-encoding: chunked|connection: close||2|{}|0|x-key @: @||"
    )(echo)


CHUNKED = (
    "HTTP/1.1 200 OK|content-type: application/json|transfer-encoding: chunked|connection: close||"
)
DELTA: dict[str, Any] = {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}
POSITIONS: dict[str, Position] = {
    "message": _error(message="Incorrect API key provided: {}. Check it."),
    "message that is cut": _error(message="x" * 490 + "{}"),
    "message after blanks": _error(message=" " * 16_350 + "{}"),
    "message of a page that is missing": _error(404, message="{}", code="{}"),
    "message of a limit": _error(429, message="{}", type="{}"),
    "message of a failure": _error(500, message="{}", code="{}", param="{}"),
    "message of an audio plan": _error(403, message="{}", code="audio_requires_payg"),
    "code": _error(code="bad key {}"),
    "type": _error(type="{}"),
    "param": _error(param="{}"),
    "error as a text": _json('{"error": @}', 400),
    "detail": _json('{"detail": @}', 422),
    "detail in a list": _json('{"detail": [{"msg": @, "input": @}]}', 422),
    "error in a detail": _json('{"detail": {"error": {"message": @, "code": @}}}', 400),
    "name of a field": _json("{@: @}", 400),
    "text": _text("Bad key @", 401, "text/plain"),
    "page": _text("<html><title>@</title><body>@</body></html>", 502, "text/html"),
    "half a page": _text('{"error": {"message": "@', 502, "application/json"),
    "type of a page": _head("HTTP/1.1 502 No|content-length: 0|content-type: text/@; charset=@"),
    "reason": _head("HTTP/1.1 401 No @|content-length: 0"),
    "request id": _head("HTTP/1.1 401 No|content-length: 0|x-request-id: @"),
    "call id": _head("HTTP/1.1 500 No|content-length: 0|x-litellm-call-id: @"),
    "retry-after": _head("HTTP/1.1 429 No|content-length: 0|retry-after: @|date: @"),
    "challenge": _head('HTTP/1.1 401 No|content-length: 0|www-authenticate: Bearer realm="@"'),
    "location": _head("HTTP/1.1 307 No|content-length: 0|location: https://other.example/@"),
    "location without a host": _head("HTTP/1.1 302 No|content-length: 0|location: http://[@"),
    "unknown status": _head("HTTP/1.1 799 @|content-length: 0|server: @|set-cookie: @=@"),
    "interim response": _head("HTTP/1.1 103 @|link: <@>||HTTP/1.1 401 No|content-length: 0"),
    "content encoding": _head("HTTP/1.1 200 OK|content-length: 0|content-encoding: @"),
    "transfer encoding": _head("HTTP/1.1 200 OK|transfer-encoding: @"),
    "content length": _head("HTTP/1.1 200 OK|content-length: @"),
    "two content lengths": _head("HTTP/1.1 200 OK|content-length: 1|content-length: @"),
    "header without a colon": _head("HTTP/1.1 200 OK|Authorization Bearer @"),
    "name of a header": _head("HTTP/1.1 200 OK|x @: 1"),
    "folded header": _head("HTTP/1.1 401 No|content-length: 0|x-request-id: a|\t@"),
    "status line": _head("Authorization: Bearer @"),
    "version": _head("HTTP/@ 200 OK"),
    "not HTTP": _raw("@||@"),
    "size of a chunk": _raw(CHUNKED + "@|"),
    "extension of a chunk": _raw(CHUNKED + "5;key=@|@||"),
    "end of a chunk": _raw(CHUNKED + "2|{}@|"),
    "trailer": _with_trailer,
    "body that ends early": _raw("HTTP/1.1 200 OK|content-length: 9999||@"),
    "error with success": _json('{"error": {"message": @, "code": @, "param": @}}'),
    "text with success": _text(" " * 60 + "@", 200, "text/plain"),
    "page with success": _text("<p>@</p>", 200, "text/html"),
    "JSON text": _json("@"),
    "JSON list": _json("[@, @]"),
    "JSON that ends early": _json('{"text": @'),
    "unknown type of content": _text("{}", 200, "application/@"),
    "unknown type of audio": _text("RIFF", 200, "audio/@"),
    "not UTF-8": _not_utf8,
    "not gzip": _not_gzip,
    "text of a wrong type": _json('{"text": [@], "segments": @}'),
    "segments of a wrong type": _json('{"text": "", "segments": [{"start": @, "end": @}]}'),
    "models of a wrong type": _json('{"data": [{"id": [@]}, @]}'),
    "reply of a wrong type": _json('{"choices": [{"message": @}]}'),
    "reply without choices": _json('{"choices": [], "id": @, "model": @}'),
    "audio that is not base64": _json('{"choices": [{"message": {"audio": {"data": @}}}]}'),
    "event": _events("data: @"),
    "event that is not JSON": _events("data: {@"),
    "event after words": _events(f"data: {json.dumps(DELTA)}", 'data: {"error": {"message": @}}'),
    "event of a wrong type": _events('data: {"choices": [{"delta": {"content": [@]}}]}'),
    "type of an event": _events('event: @\nid: @\nretry: @\n: @\ndata: {"error": {"code": @}}'),
}
"""Each position as a function of what is repeated there."""
