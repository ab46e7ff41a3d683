"""The routes, and what every answer carries."""

import uuid
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.access import RateLimit, key_of
from apertis_audio_tools.sandbox.chat import chat
from apertis_audio_tools.sandbox.recognition import Recogniser
from apertis_audio_tools.sandbox.refusals import Refusal
from apertis_audio_tools.sandbox.speech import speech
from apertis_audio_tools.sandbox.spoken_answers import SpokenAnswers
from apertis_audio_tools.sandbox.transcriptions import transcribe, translate


def application(recogniser: Recogniser, requests_per_minute: int) -> ASGIApp:
    """The service as an ASGI application."""
    app = Starlette(
        routes=[
            Route("/v1/audio/transcriptions", transcribe, methods=["POST"]),
            Route("/v1/audio/translations", translate, methods=["POST"]),
            Route("/v1/audio/speech", speech, methods=["POST"]),
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", _models, methods=["GET"]),
        ],
        exception_handlers={Refusal: _refused, HTTPException: _unrouted, Exception: _failed},
    )
    app.router.redirect_slashes = False
    app.state.recogniser = recogniser
    app.state.spoken_answers = SpokenAnswers()
    app.state.rate_limit = RateLimit(requests_per_minute)
    return _Envelope(app, app.state.rate_limit)


async def _models(request: Request) -> Response:
    """GET /v1/models."""
    key_of(request)
    models = [{"id": model, "object": "model"} for model in sorted(tables.ALL_MODELS)]
    return JSONResponse({"object": "list", "data": models})


async def _refused(_: Request, error: Any) -> Response:
    refusal: Refusal = error
    return refusal.response()


async def _unrouted(request: Request, error: Any) -> Response:
    where = f"{request.method} {request.url.path}"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"Invalid method for this endpoint: {where}."
        return Refusal(405, "invalid_request", message, None, error.headers).response()
    return Refusal(404, "endpoint_not_found", f"There is no endpoint {where}.").response()


async def _failed(_: Request, error: Exception) -> Response:
    return Refusal(500, "internal_error", f"The sandbox failed: {error}").response()


class _Envelope:
    """Adds a fresh request id and the rate limit's state to every answer."""

    def __init__(self, app: ASGIApp, rate_limit: RateLimit) -> None:
        self._app = app
        self._rate_limit = rate_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = f"req_{uuid.uuid4().hex}"
                key, model = state.get("key", ""), state.get("model", "")
                headers.update(self._rate_limit.headers(key, model))
            await send(message)

        await self._app(scope, receive, stamped)
