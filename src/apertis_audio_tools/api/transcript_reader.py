"""Read the response of a transcription: its words, and as much around them as can be read.

Words that arrived were paid for. There are words if `text` or the text of a segment is a string
that is not empty, or if a plain body is neither a page nor a JSON value other than a string. What
cannot be read around them is dropped.
"""

import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from apertis_audio_tools.api.call import response_metadata
from apertis_audio_tools.api.missing_texts import add_missing_texts
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.api.response_content import decode_text, read_content
from apertis_audio_tools.api.segment_times import PossibleTimes, possible_times
from apertis_audio_tools.api.transcript_body import (
    ReadSegment,
    TranscriptBody,
    read_language,
    read_segments,
    read_words,
    small_fields,
)
from apertis_audio_tools.api.usage import parse_usage
from apertis_audio_tools.results import Segment, Transcript, Word
from apertis_audio_tools.text import passages, subtitles

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_NO_TEXT = "there is no text in it"
_MAX_SEGMENTS = 30_000
"""Several times what the seven hours have that fit into one request."""
_SEGMENT_FIELDS = {*Segment.model_fields}


def read_transcript(response: Response, *, empty: Transcript, response_format: str) -> Transcript:
    """Return the transcript in a response, which may be in another format than requested.

    Args:
        response: Response with success.
        empty: Transcript without words, whose duration is that of the audio, if known.
        response_format: Format that was requested.

    Raises:
        MalformedResponseError: If there are no words in it, and it does not say so.
    """
    dropped = set[str]()
    body = _read_body(read_content(response, response_format), dropped)
    if body is None:
        raise malformed_error(response, _NO_TEXT)
    fields = _fields(response, body, empty, response_format, dropped)
    if dropped:
        logger.debug("Dropped from a response, as unreadable: %s.", ", ".join(sorted(dropped)))
    fields |= {**response_metadata(response), "raw": decode_text(response)}
    fields["model"] = response.actual_model or empty.model
    return empty.model_copy(update=fields)


def _read_body(content: object, dropped: set[str]) -> TranscriptBody | None:
    """Return the object that a response holds, also in a list or as a list of segments.

    A plain text becomes the text of one; there is none in other values.
    """
    if isinstance(content, str):
        return TranscriptBody(text=content)
    if isinstance(content, list) and content and all(isinstance(item, dict) for item in content):
        is_wrapped = len(content) == 1 and not {"start", "end"} & content[0].keys()
        content = content[0] if is_wrapped else {"segments": content}
    if not content or not isinstance(content, dict):
        return None
    return TranscriptBody.model_validate(content, context=dropped)


def _fields(
    response: Response,
    body: TranscriptBody,
    empty: Transcript,
    response_format: str,
    dropped: set[str],
) -> dict[str, object]:
    """Return the fields of the transcript in a body."""
    is_silence = body.text is not None or body.segments == []
    items = read_segments(body.segments, dropped)
    text = (body.text or "").strip()
    spoken = [each for each in items if each.text.strip()]
    if not text and not spoken and (body.error or not is_silence):
        raise malformed_error(response, _NO_TEXT)
    if text and spoken:
        spoken = add_missing_texts(items, text)
    elif text and (cues := _parse_cues(response, text, response_format)) is not None:
        spoken, text = [ReadSegment(cue.start, cue.end, cue.text, {}) for cue in cues], ""
    duration = empty.duration or body.duration or None
    words = list(_timed_words(body.words, duration, dropped))
    if words and not spoken:
        spoken = [ReadSegment(words[0].start, words[-1].end, text, {})]
    segments = _timed_segments(spoken, duration, dropped)
    return {
        "text": text or passages.join_texts(each.text for each in segments or spoken),
        "segments": _share_words(words, segments),
        "language": read_language(body.language, body.languages) or empty.language,
        "duration": _duration(body.duration, empty.duration, segments),
        "usage": parse_usage(body.usage) if body.usage else None,
        "extra": small_fields(body.model_extra),
    }


def _parse_cues(
    response: Response, text: str, response_format: str
) -> list[subtitles.SubtitleCue] | None:
    """Return the cues of subtitles that were requested, or that are there all the same."""
    if response_format not in {"srt", "vtt"} and not subtitles.begins_with_cue(text):
        return None
    if text.count("-->") > _MAX_SEGMENTS:
        raise malformed_error(response, f"with more than {_MAX_SEGMENTS} subtitles")
    return subtitles.parse_subtitles(text)


def _timed_segments(
    spoken: Sequence[ReadSegment], duration: float | None, dropped: set[str]
) -> list[Segment]:
    """Return the segments in order, at possible times; none if they have no times at all."""
    if len(spoken) > _MAX_SEGMENTS:
        dropped.add("segments")
        return []
    if all(each.start is None and each.end is None for each in spoken):
        return []
    times = possible_times(spoken, duration)
    return [
        _segment(number, spoken[each.position], each, duration, dropped)
        for number, each in enumerate(times)
    ]


def _segment(
    number: int,
    read: ReadSegment,
    times: PossibleTimes,
    duration: float | None,
    dropped: set[str],
) -> Segment:
    # Everything is valid already, and a set of names for each segment would take as much memory as
    # its times and its text.
    return Segment.model_construct(
        _fields_set=_SEGMENT_FIELDS,
        id=number,
        start=times.start,
        end=times.end,
        text=read.text,
        clamped=times.is_changed,
        **{
            **read.details,
            "words": tuple(_timed_words(read.details.get("words"), duration, dropped)),
        },
    )


def _timed_words(value: object, duration: float | None, dropped: set[str]) -> Iterator[Word]:
    """Yield the words in a list in order, at possible times; none if they have no times at all."""
    read = read_words(value, dropped)
    if any(each.start is not None for each in read):
        for times in possible_times(read, duration):
            text = read[times.position].text or ""
            yield Word(start=times.start, end=times.end, text=text)


def _share_words(words: Sequence[Word], segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return segments with the words whose middle is before the next segment."""
    if not words or not segments:
        return tuple(segments)
    starts = [segment.start for segment in segments]
    shares = [list[Word]() for _ in segments]
    for word in words:
        index = bisect_right(starts, (word.start + word.end) / 2) - 1
        shares[max(index, 0)].append(word)
    return tuple(
        segment.model_copy(update={"words": tuple(share)}) if share else segment
        for segment, share in zip(segments, shares, strict=True)
    )


def _duration(read: float | None, known: float | None, segments: Sequence[Segment]) -> float | None:
    """Return the length of the audio as the service says it, if that is possible."""
    if not read or read < 0:
        return known
    latest = max((segment.end for segment in segments), default=0.0)
    return read if known is None else min(known, max(read, latest))
