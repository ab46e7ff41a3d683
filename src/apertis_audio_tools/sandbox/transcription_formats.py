"""Render recognised speech in the response formats of a transcription."""

import html
import zlib
from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse, PlainTextResponse, Response

from apertis_audio_tools.sandbox.recognition import SpeechSegment


def render_response(
    segments: Sequence[SpeechSegment],
    response_format: str,
    metadata: Mapping[str, object],
    temperature: float,
) -> Response:
    """Return segments as a response; verbose JSON has metadata and the temperature as well."""
    text = " ".join(segment.text for segment in segments)
    match response_format:
        case "json":
            return JSONResponse({"text": text})
        case "verbose_json":
            listed = [_segment_json(i, each, temperature) for i, each in enumerate(segments)]
            return JSONResponse({**metadata, "text": text, "segments": listed})
        case "srt":
            return PlainTextResponse(_srt(segments))
        case "vtt":
            return PlainTextResponse(_vtt(segments))
        case _:
            return PlainTextResponse(text + "\n")


def _segment_json(number: int, segment: SpeechSegment, temperature: float) -> dict[str, object]:
    content = segment.text.encode()
    return {
        "id": number,
        "start": round(segment.start, 2),
        "end": round(segment.end, 2),
        "text": segment.text,
        "tokens": [],
        "temperature": temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": len(content) / max(1, len(zlib.compress(content))),
        "no_speech_prob": segment.no_speech_prob,
    }


def _srt(segments: Sequence[SpeechSegment]) -> str:
    return "".join(
        f"{number}\n{_time(each.start, ',')} --> {_time(each.end, ',')}\n{each.text}\n\n"
        for number, each in enumerate(segments, 1)
    )


def _vtt(segments: Sequence[SpeechSegment]) -> str:
    return "WEBVTT\n\n" + "".join(
        f"{_time(each.start, '.')} --> {_time(each.end, '.')}\n"
        f"{html.escape(each.text, quote=False)}\n\n"
        for each in segments
    )


def _time(seconds: float, decimal_mark: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{decimal_mark}{milliseconds % 1000:03}"
    )
