"""The JSON of a transcript, of which each field is read for itself: one that is invalid is None."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from math import inf
from types import MappingProxyType
from typing import Annotated, NamedTuple, TypeVar, cast

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    JsonValue,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

_MAX_EXTRA_FIELDS = 32
_MAX_EXTRA_CHARACTERS = 2_000
"""Length of all further fields of an object together, as JSON."""

M = TypeVar("M", bound=BaseModel)


def _none_if_invalid(
    value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
) -> object:
    """Return None for an invalid value, and add the name of its field to the context."""
    if value is None:
        return None
    try:
        return handler(value)
    except ValidationError:
        if isinstance(info.context, set):
            info.context.add(info.field_name)
        return None


_Optional = WrapValidator(_none_if_invalid)
_Text = Annotated[str | None, _Optional]
_Number = Annotated[float | None, _Optional]


class _Body(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, extra="allow", protected_namespaces=())


class WordBody(_Body):
    """A word; other servers than Whisper call it `text`."""

    text: _Text = Field(None, validation_alias=AliasChoices("word", "text"))
    start: _Number = None
    end: _Number = None


class SegmentBody(_Body):
    """A segment, with all that Whisper returns and some of what others do."""

    id: Annotated[int | None, _Optional] = None
    seek: object = None
    start: _Number = None
    end: _Number = None
    text: _Text = None
    tokens: Annotated[tuple[int, ...] | None, FailFast(), _Optional] = None
    temperature: _Number = None
    avg_logprob: _Number = None
    compression_ratio: _Number = None
    no_speech_prob: _Number = None
    speaker: Annotated[str | None, Field(coerce_numbers_to_str=True), _Optional] = None
    words: object = None


_DETAILS = tuple(SegmentBody.model_fields.keys() - {"id", "seek", "start", "end", "text"})


class TranscriptBody(_Body):
    """The object that ``json`` and ``verbose_json`` consist of."""

    text: _Text = None
    task: object = None
    language: object = None
    languages: object = None
    duration: _Number = None
    segments: object = None
    words: object = None
    usage: object = None
    error: object = None


class ReadSegment(NamedTuple):
    """Segment as far as it was read, in less memory: `details` are its other fields."""

    start: float | None
    end: float | None
    text: str
    details: Mapping[str, object]


_NO_DETAILS: Mapping[str, object] = MappingProxyType({})


def read_segments(value: object, dropped: set[str]) -> list[ReadSegment]:
    """Return the segments in a list, and empty it; anything else is dropped."""
    return [
        ReadSegment(each.start, each.end, each.text or "", _details(each) or _NO_DETAILS)
        for each in _read_items(SegmentBody, value, "segments", dropped)
    ]


def read_words(value: object, dropped: set[str]) -> list[WordBody]:
    """Return the words in a list that have text, and empty it; anything else is dropped."""
    return [each for each in _read_items(WordBody, value, "words", dropped) if each.text]


def _read_items(model: type[M], value: object, name: str, dropped: set[str]) -> Iterator[M]:
    """Yield the objects in a list, and empty it, since its values may take much memory."""
    if not isinstance(value, list):
        if value is not None:
            dropped.add(name)
        return
    value.reverse()
    while value:
        item = value.pop()
        if isinstance(item, dict):
            yield model.model_validate(item, context=dropped)
        else:
            dropped.add(name)


def _details(segment: SegmentBody) -> dict[str, object]:
    """Return the fields of a segment that are known, without its id, times and text."""
    fields = {name: getattr(segment, name) for name in _DETAILS}
    fields["extra"] = small_fields(segment.model_extra) or None
    return {name: value for name, value in fields.items() if value is not None}


def read_language(*values: object) -> str | None:
    """Return the first language that some values name: as a text, in a list or in an object."""
    for value in values:
        first = next(iter(value), None) if isinstance(value, list) else value
        if isinstance(first, dict):
            first = first.get("code") or first.get("language") or first.get("name")
        if isinstance(first, str) and first.strip():
            return first.strip()
    return None


def small_fields(fields: Mapping[str, object] | None) -> dict[str, JsonValue]:
    """Return the first fields that have a short form in JSON and are not null."""
    kept, left = dict[str, JsonValue](), float(_MAX_EXTRA_CHARACTERS)
    for name, value in islice((fields or {}).items(), _MAX_EXTRA_FIELDS):
        size = len(name) + _json_size(value)
        if value is not None and size <= left:
            left -= size
            kept[name] = cast("JsonValue", value)
    return kept


def _json_size(value: object) -> float:
    """Return the length of a value as JSON; of one that has no JSON form, infinity."""
    try:
        return len(json.dumps(value, allow_nan=False))
    except (ValueError, RecursionError):
        return inf
