"""The ASGI application: its routes, and the headers of every response."""

import uuid
from http import HTTPStatus
from typing import cast

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apertis_audio_tools.sandbox.accounts import Accounts, accounts_of
from apertis_audio_tools.sandbox.authorization import RateLimit, require_key
from apertis_audio_tools.sandbox.chat_endpoint import chat
from apertis_audio_tools.sandbox.error_responses import ErrorResponse, invalid_parameter
from apertis_audio_tools.sandbox.host_check import LoopbackHostsOnly
from apertis_audio_tools.sandbox.lifecycle import Lifecycle, lifecycle_of
from apertis_audio_tools.sandbox.recognition import Recogniser
from apertis_audio_tools.sandbox.speech_endpoint import speech
from apertis_audio_tools.sandbox.spoken_replies import SpokenReplies
from apertis_audio_tools.sandbox.transcription_endpoint import transcribe, translate


def make_app(
    recogniser: Recogniser, requests_per_minute: int, lifecycle: Lifecycle | None = None
) -> ASGIApp:
    """Return the service as an ASGI application."""
    app = Starlette(
        routes=[
            Route("/v1/audio/transcriptions", transcribe, methods=["POST"]),
            Route("/v1/audio/translations", translate, methods=["POST"]),
            Route("/v1/audio/speech", speech, methods=["POST"]),
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", _models, methods=["GET"]),
            Route("/v1/token/usage", _token_usage, methods=["GET"]),
            Route("/api/v2/models", _catalogue, methods=["GET"]),
        ],
        exception_handlers={
            ErrorResponse: _error_response,
            HTTPException: _unknown_route,
            Exception: _internal_error,
        },
    )
    app.router.redirect_slashes = False
    app.state.recogniser = recogniser
    app.state.spoken_replies = SpokenReplies()
    app.state.lifecycle = lifecycle or Lifecycle()
    app.state.accounts = Accounts()
    app.state.rate_limit = RateLimit(requests_per_minute)
    return _CommonHeaders(LoopbackHostsOnly(app), app.state.rate_limit)


async def _models(request: Request) -> Response:
    """Serve GET /v1/models."""
    require_key(request)
    return JSONResponse({"object": "list", "data": [*lifecycle_of(request).list_rows()]})


async def _catalogue(request: Request) -> Response:
    """Serve GET /api/v2/models."""
    require_key(request)
    rows = [*lifecycle_of(request).catalogue_rows()]
    return JSONResponse({"success": True, "data": rows, "total": len(rows)})


async def _token_usage(request: Request) -> Response:
    """Serve GET /v1/token/usage; every period begins with the start of the sandbox."""
    key = require_key(request)
    period = request.query_params.get("period", "today")
    if period not in {"today", "week", "month"}:
        raise invalid_parameter("period", f"Invalid value for 'period': {period}.")
    return JSONResponse({"success": True, "data": accounts_of(request).usage(key)})


async def _error_response(_: Request, error: Exception) -> Response:
    return cast("ErrorResponse", error).to_response()


async def _unknown_route(request: Request, error: Exception) -> Response:
    raised = cast("HTTPException", error)
    where = f"{request.method} {request.url.path}"
    if raised.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"Invalid method for this endpoint: {where}."
        return ErrorResponse(405, "invalid_request", message, None, raised.headers).to_response()
    return ErrorResponse(404, "endpoint_not_found", f"There is no endpoint {where}.").to_response()


async def _internal_error(_: Request, error: Exception) -> Response:
    return ErrorResponse(500, "internal_error", f"The sandbox failed: {error}").to_response()


class _CommonHeaders:
    """Middleware that adds a request id and the state of the rate limit to every response."""

    def __init__(self, app: ASGIApp, rate_limit: RateLimit) -> None:
        self._app = app
        self._rate_limit = rate_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = f"req_{uuid.uuid4().hex}"
                key, model = state.get("key", ""), state.get("model", "")
                headers.update(self._rate_limit.headers(key, model))
            await send(message)

        await self._app(scope, receive, send_with_headers)
