"""Render recognised speech in the response formats of a transcription."""

import html
import string
from collections.abc import Collection, Mapping, Sequence

from starlette.responses import JSONResponse, PlainTextResponse, Response

from apertis_audio_tools.sandbox.recognition import SpeechSegment, SpokenWord, compression_ratio


def render_response(
    segments: Sequence[SpeechSegment],
    response_format: str,
    metadata: Mapping[str, object],
    temperature: float,
    granularities: Collection[str] = ("segment",),
) -> Response:
    """Return segments as a response.

    Args:
        segments: What was recognised.
        response_format: One of the formats of the reference.
        metadata: Further fields of verbose JSON.
        temperature: Temperature that verbose JSON names.
        granularities: Times in verbose JSON: those of segments, of words, or both.
    """
    text = " ".join(segment.text for segment in segments)
    match response_format:
        case "json":
            return JSONResponse({"text": text})
        case "verbose_json":
            timed: dict[str, object] = {}
            if "word" in granularities:
                timed["words"] = [_word_json(word) for each in segments for word in each.words]
            if "segment" in granularities:
                listed = [_segment_json(i, each, temperature) for i, each in enumerate(segments)]
                timed["segments"] = listed
            return JSONResponse({**metadata, "text": text, **timed})
        case "srt":
            return PlainTextResponse(_srt(segments))
        case "vtt":
            return PlainTextResponse(_vtt(segments))
        case _:
            return PlainTextResponse(text + "\n")


def render_multilingual(segments: Sequence[SpeechSegment], duration: float) -> Response:
    """Return segments as the response of a model with several languages."""
    text = " ".join(segment.text for segment in segments)
    usage = {"type": "duration", "seconds": round(duration, 2)}
    return JSONResponse({"text": text, "languages": ["en"] if text else [], "usage": usage})


def _segment_json(number: int, segment: SpeechSegment, temperature: float) -> dict[str, object]:
    return {
        "id": number,
        "start": round(segment.start, 2),
        "end": round(segment.end, 2),
        "text": segment.text,
        "tokens": segment.tokens,
        "temperature": temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": compression_ratio(segment.text),
        "no_speech_prob": segment.no_speech_prob,
    }


def _word_json(word: SpokenWord) -> dict[str, object]:
    """Return a word without the punctuation around it, as the service does."""
    bare = word.text.strip(string.punctuation) or word.text
    return {"word": bare, "start": round(word.start, 2), "end": round(word.end, 2)}


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
