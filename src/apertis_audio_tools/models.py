"""Capabilities of each model as data, and the refusals that follow from them.

The rows restate the public Apertis Audio API reference as read on 2026-11-22; facts from elsewhere
name their source. Change or add rows with a plain merge::

    ApertisAudio(models=MODELS | {"my-whisper": MODELS["whisper-1"]})
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from apertis_audio_tools.errors import ConfigurationError, UnsupportedError

Operation = Literal["transcribe", "translate", "speak", "chat"]
TranscriptFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]
SpeechFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
UsagePeriod = Literal["today", "week", "month"]
UploadFormat = Literal["auto", "original", "mp3", "opus"]
"""Encoding of uploads; `auto` and `original` re-encode only what the service does not accept."""
Pauses = Literal["keep", "shorten"]
"""Pauses of over a second: sent, or left out so that only speech is paid for."""
Quality = Literal["keep", "mark", "drop"]
"""Segments that perhaps nobody said: not examined, marked with a reason, or left out."""
Task = Literal["transcribe", "translate"]
TrackChoice: TypeAlias = int | Literal["default", "all"]
"""Audio track: an index among the audio tracks, the one a player plays, or all of them mixed."""

AUTO = "auto"
"""Name that stands for the best model the key has for what is asked."""
TRANSCRIPTION_MODEL = "whisper-1"
SPEECH_MODEL = "tts-1"
CHAT_MODEL = "gpt-4o-audio-preview"
DEFAULT_MODELS: MappingProxyType[Operation, str] = MappingProxyType(
    {
        "transcribe": TRANSCRIPTION_MODEL,
        "translate": TRANSCRIPTION_MODEL,
        "speak": SPEECH_MODEL,
        "chat": CHAT_MODEL,
    }
)
"""Models that are used if the list of the key's models is not known."""
VOICE = "alloy"

TRANSCRIPT_FORMATS = frozenset(get_args(TranscriptFormat))
SPEECH_FORMATS = frozenset(get_args(SpeechFormat))
SPEECH_MEDIA_TYPES: dict[str, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Media types by speech format."""
CHAT_AUDIO_FORMATS = frozenset({"wav", "mp3", "flac", "opus", "aac", "pcm16"})
VOICES = frozenset({"alloy", "echo", "fable", "onyx", "nova", "shimmer"})

MAX_UPLOAD_BYTES = 26_214_400
"""Largest request content, 25 MiB, multipart framing included (public reports of 413 messages)."""
MAX_REQUEST_SECONDS = 900.0
"""Longest audio of a request, unless `piece_seconds` sets another length: gateways answered 502 to
63 minutes in one request, but not to 15 (dikte#49). Several pieces at once are faster, too."""
DURATION_MARGIN = 6 / 7
"""Share of a model's longest recording that a piece may last: 20 of the 23 minutes of gpt-4o."""
MIN_REQUEST_SECONDS = 0.1
"""Shortest audio that services accept (pipecat#1575)."""
MAX_ASK_SECONDS = 600.0
"""Longest recording a chat model is asked about by a tool: each question sends all of it again."""
MAX_SPEECH_CHARACTERS = 4096
MAX_JSON_RESPONSE_BYTES: int = 8 * 1024 * 1024
"""Largest transcript or list in JSON that is accepted. The words of seven hours, the longest
recording that fits into one request, make 6 MB with a time for each."""
MAX_TEXT_RESPONSE_BYTES: int = 4 * 1024 * 1024
"""Largest transcript as text or subtitles that is accepted. Those of seven hours have 1 MB."""
MAX_AUDIO_RESPONSE_BYTES: int = 128 * 1024 * 1024
"""Largest speech or chat reply accepted. 4096 characters at a quarter of the speed make about 50 MB
of wav, and a third more as base64 in a chat reply."""
MAX_ERROR_RESPONSE_BYTES: int = 1024 * 1024
"""Largest part of an error response that is read, far more than any error message."""
SPEED_RANGE = (0.25, 4.0)
TEMPERATURE_RANGE = (0.0, 1.0)
CHAT_TEMPERATURE_RANGE = (0.0, 2.0)

_REFERENCE = "Apertis Audio API reference"
_REFERENCE_READ_ON = date(2026, 11, 22)
_NOTICE = "OpenAI's deprecations page and model list"
_NOTICE_READ_ON = date(2026, 11, 26)


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a model, in dollars.

    Attributes:
        source: Origin of the price.
        read_on: Day on which the source was read.
        per_hour: Price of an hour of audio; None if audio is not billed by time.
        per_million_characters: Price of a million characters of text to be spoken; None if they are
            not billed.
    """

    source: str
    read_on: date
    per_hour: float | None = None
    per_million_characters: float | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """Capabilities of one model.

    Attributes:
        formats: Response formats of each operation; operations without a key are not supported.
        source: Origin of the facts.
        read_on: Day on which the source was read.
        retires: Day from which the provider no longer serves the model; None if no end was
            announced. The service is a gateway and may serve it for longer.
        successors: Names of the models that take its place.
        max_seconds: Longest recording of one request, in seconds; None if there is no known limit.
        word_times: True if transcriptions have the times of words on request.
        instructions: True if speech follows ``instructions``.
        languages: True if several languages of a recording can be named.
        keywords: True if terms to be recognised have a parameter of their own.
        strong_languages: ISO 639-1 codes of languages that the model is best for.
        voices: Documented voices of the model; unknown voices are left to the server.
        similar_voices: Voice of the model for each documented voice of other models, which is used
            if the model was chosen automatically.
        max_input_tokens: Tokens a chat model reads at most, as far as they are known.
        max_output_tokens: Tokens a chat model writes at most, as far as they are known.
        price: Price, if it does not depend on tokens, which nobody knows before.
    """

    formats: Mapping[Operation, frozenset[str]]
    source: str = _REFERENCE
    read_on: date = _REFERENCE_READ_ON
    retires: date | None = None
    successors: tuple[str, ...] = ()
    max_seconds: float | None = None
    word_times: bool = False
    instructions: bool = False
    languages: bool = False
    keywords: bool = False
    strong_languages: frozenset[str] = frozenset()
    voices: frozenset[str] = VOICES
    similar_voices: Mapping[str, str] = field(default_factory=dict)
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    price: Price | None = None

    def has_voice(self, voice: str) -> bool:
        """Return whether the model has a documented voice, or a similar one."""
        return voice in self.voices or voice in self.similar_voices


def _ending(model: Model, retires: date, *successors: str) -> Model:
    """Return a model with the end that its provider announced."""
    source = f"{model.source}; its end from {_NOTICE}"
    return replace(
        model, source=source, read_on=_NOTICE_READ_ON, retires=retires, successors=successors
    )


def _by_hour(model: Model, dollars: float) -> Model:
    """Return a model with its price for an hour of audio at OpenRouter."""
    price = Price("OpenRouter's pages of its models", _NOTICE_READ_ON, per_hour=dollars)
    return replace(model, price=price)


def _by_character(model: Model, dollars: float) -> Model:
    """Return a model with its price for a million characters at its provider."""
    price = Price(
        "OpenAI's pages of its models", date(2026, 11, 27), per_million_characters=dollars
    )
    return replace(model, price=price)


_WHISPER = Model(
    {"transcribe": TRANSCRIPT_FORMATS, "translate": TRANSCRIPT_FORMATS},
    source=f"{_REFERENCE}; the times of words from version 0.4.1 of the vendor's SDK",
    word_times=True,
)
_GPT_4O_TRANSCRIBE = _ending(
    Model(
        {"transcribe": frozenset({"json"})},
        source=f"{_REFERENCE}; the 1400 s from public reports of the refusal behind it",
        max_seconds=1400.0,
    ),
    date(2027, 2, 26),
    "gpt-transcribe",
)
_EAST_ASIAN = frozenset({"zh", "ja", "ko"})
_SPEECH = Model({"speak": SPEECH_FORMATS})
_GEMINI_SPEECH = replace(
    _SPEECH,
    voices=frozenset(),
    similar_voices={
        "alloy": "Kore",
        "echo": "Sulafat",
        "fable": "Charon",
        "onyx": "Algenib",
        "nova": "Leda",
        "shimmer": "Erinome",
    },
)
_TTS = _ending(_SPEECH, date(2027, 1, 6), "gemini-3.8-flash-lite-tts")
_AUDIO_CHAT = Model(
    {"chat": CHAT_AUDIO_FORMATS},
    source=f"{_REFERENCE}; the tokens from OpenRouter's list of models",
    max_input_tokens=128_000,
    max_output_tokens=16_384,
)
_GPT_AUDIO = _ending(replace(_AUDIO_CHAT, source="OpenRouter's list of models"), date(2027, 1, 20))
_TEXT_CHAT = Model({"chat": frozenset()}, source="OpenAI's model list", read_on=_NOTICE_READ_ON)
MODELS: MappingProxyType[str, Model] = MappingProxyType(
    {
        "whisper-1": _by_hour(
            _ending(_WHISPER, date(2027, 2, 26), "gpt-transcribe", "whisper-large-v3"), 0.36
        ),
        "whisper-large-v3": _by_hour(_WHISPER, 0.111),
        "whisper-large-v3-turbo": _by_hour(_WHISPER, 0.04),
        "gpt-4o-mini-transcribe": _GPT_4O_TRANSCRIBE,
        "gpt-4o-transcribe": replace(_GPT_4O_TRANSCRIBE, strong_languages=_EAST_ASIAN),
        "gpt-transcribe": Model(
            {"transcribe": frozenset({"json"})},
            source='openai-cookbook, "Migrate from Whisper to GPT-Transcribe"',
            read_on=_NOTICE_READ_ON,
            languages=True,
            keywords=True,
        ),
        "tts-1": _by_character(_TTS, 15.0),
        "tts-1-hd": _by_character(_TTS, 30.0),
        "gpt-4o-mini-tts-2025-12-15": replace(_TTS, instructions=True),
        "gemini-3.8-flash-lite-tts": replace(
            _GEMINI_SPEECH, source="OpenRouter's list of models", read_on=_NOTICE_READ_ON
        ),
        "gemini-3.1-flash-tts-preview": replace(
            _GEMINI_SPEECH, successors=("gemini-3.8-flash-lite-tts",)
        ),
        "gpt-4o-audio-preview": _ending(
            _AUDIO_CHAT, date(2027, 1, 20), "gpt-audio", "gpt-audio-mini"
        ),
        "gpt-audio": _GPT_AUDIO,
        "gpt-audio-mini": _GPT_AUDIO,
        "gpt-4.1-mini": _TEXT_CHAT,
    }
)
"""The documented models by name."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Checks against the table of models; a model without a row is left to the server."""

    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)

    def best_transcript_format(self, model: str, operation: Operation) -> TranscriptFormat:
        """Return ``verbose_json``, which has times, for models known to have it; else ``json``."""
        row = self.models.get(model)
        known = row.formats.get(operation, frozenset()) if row else frozenset()
        return "verbose_json" if "verbose_json" in known else "json"

    def require_operation(
        self, model: str, operation: Operation, response_format: str | None = None
    ) -> None:
        """Raise `UnsupportedError` for an operation or a format that the model is known to lack."""
        row = self.models.get(model)
        if row is None:
            return
        if operation not in row.formats:
            others = self._names(lambda each: operation in each.formats)
            raise UnsupportedError(
                f"{model} cannot {operation}; these models can: {others or 'none'}."
            )
        if response_format is not None and response_format not in row.formats[operation]:
            others = self._names(lambda each: response_format in each.formats.get(operation, ()))
            alternative = f"; these models can: {others}" if others else ""
            raise UnsupportedError(
                f"{model} cannot {operation} in {response_format}, only in "
                f"{_join(row.formats[operation])}{alternative}."
            )

    def max_seconds(self, model: str) -> float | None:
        """Return the longest recording of one request in seconds, or None if no limit is known."""
        row = self.models.get(model)
        return row.max_seconds if row else None

    def require_duration(self, model: str, seconds: float | None) -> None:
        """Raise `UnsupportedError` for a recording that is known to be too long for the model."""
        row = self.models.get(model)
        if row and row.max_seconds and seconds and seconds > row.max_seconds:
            raise UnsupportedError(
                f"{model} accepts at most {row.max_seconds:.0f} s of audio per request, and this "
                f"recording has {seconds:.0f} s; use a whisper model or send a shorter recording."
            )

    def gives_word_times(self, model: str, operation: Operation) -> bool:
        """Return whether the model is known to return the times of words on request."""
        row = self.models.get(model)
        return row is not None and row.word_times and operation == "transcribe"

    def require_word_times(self, model: str, operation: Operation, response_format: str) -> None:
        """Raise `UnsupportedError` if there are known to be no times of words."""
        if operation != "transcribe":
            raise UnsupportedError("Translations have no times of words; transcribe instead.")
        if model in self.models and not self.models[model].word_times:
            others = self._names(lambda each: each.word_times)
            raise UnsupportedError(
                f"{model} returns no times of words; these models do: {others or 'none'}."
            )
        if response_format != "verbose_json":
            raise UnsupportedError(
                f"Times of words need response_format verbose_json, not {response_format}."
            )

    def require_instructions(self, model: str) -> None:
        """Raise `UnsupportedError` if the model is known to ignore instructions."""
        row = self.models.get(model)
        if row and not row.instructions:
            others = self._names(lambda each: each.instructions)
            raise UnsupportedError(
                f"{model} ignores instructions; {others or 'no model'} follows them."
            )

    def require_languages(self, model: str) -> None:
        """Raise `UnsupportedError` if only one language of a recording can be named."""
        row = self.models.get(model)
        if row and not row.languages:
            others = self._names(lambda each: each.languages)
            raise UnsupportedError(
                f"{model} accepts one language, not several; {others or 'no model'} accepts them."
            )

    def require_voice(self, model: str, voice: str) -> None:
        """Raise `UnsupportedError` for a documented voice that only other models have."""
        row = self.models.get(model)
        if row and voice in VOICES and voice not in row.voices:
            others = self._names(lambda each: "speak" in each.formats and voice in each.voices)
            similar = row.similar_voices.get(voice)
            advice = f"; {similar} is similar" if similar else ""
            raise UnsupportedError(
                f"{model} has no voice {voice!r}{advice}; it is a voice of {others or 'no model'}."
            )

    def _names(self, is_chosen: Callable[[Model], bool]) -> str:
        return _join(name for name, each in self.models.items() if is_chosen(each))


def require_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise `UnsupportedError` for a value that is not one of the documented choices."""
    if value not in set(choices):
        raise UnsupportedError(f"{name} is {value!r}; it can be {_join(choices)}.")


def require_range(name: str, value: float | None, limits: tuple[float, float]) -> None:
    """Raise `UnsupportedError` for a number outside its documented range.

    None stands for the server's default.
    """
    low, high = limits
    if value is not None and not low <= value <= high:
        raise UnsupportedError(f"{name} is {value}; it can be from {low} to {high}.")


def require_piece_options(piece_seconds: float | None, upload_format: UploadFormat) -> None:
    """Raise an error for pieces without a length, and for an unknown encoding of uploads."""
    if piece_seconds is not None and not piece_seconds > 0:
        raise ConfigurationError(f"piece_seconds has to be above 0, not {piece_seconds}.")
    require_choice("upload_format", upload_format, get_args(UploadFormat))


def require_quality_options(pauses: Pauses, quality: Quality) -> None:
    """Raise `ConfigurationError` for unknown ways to treat pauses and doubtful segments."""
    require_choice("pauses", pauses, get_args(Pauses))
    require_choice("quality", quality, get_args(Quality))


def require_track_choice(value: object) -> None:
    """Raise `ConfigurationError` for what is no index of a track, ``default`` or ``all``."""
    is_index = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not is_index and value not in ("default", "all"):
        raise ConfigurationError(
            f"track is {value!r}; it is default, all, or the index of an audio track, from 0 on."
        )


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
