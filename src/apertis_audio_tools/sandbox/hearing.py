"""Recognition off the event loop, given up when nobody waits for it any more."""

from collections.abc import Generator

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request

from apertis_audio_tools.sandbox.recognition import EngineStopped, Heard, Recogniser
from apertis_audio_tools.sandbox.refusals import Refusal


async def hear(request: Request, pcm: bytes) -> list[Heard]:
    """Recognise samples with the app's engine while the client stays connected."""
    engine: Recogniser = request.app.state.recogniser
    segments = await run_in_threadpool(engine.recognise, pcm)
    heard: list[Heard] = []
    try:
        async for segment in iterate_in_threadpool(segments):
            heard.append(segment)
            if await request.is_disconnected():
                raise Refusal(400, "invalid_request", "The client has gone.")
    except EngineStopped as error:
        raise Refusal(503, "service_unavailable", str(error)) from None
    finally:
        if isinstance(segments, Generator):
            segments.close()
    return heard
