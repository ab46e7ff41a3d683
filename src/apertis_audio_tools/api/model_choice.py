"""Which of the models of a key can do what is asked, and which of them is the best."""

import contextlib
import re
from dataclasses import dataclass
from datetime import date

from apertis_audio_tools.api.model_lifecycle import ModelLifecycles
from apertis_audio_tools.api.options import ModelNeed
from apertis_audio_tools.errors import APIStatusError, InvalidRequestError, NotFoundError
from apertis_audio_tools.models import DEFAULT_MODELS, DURATION_MARGIN, VOICES, Model, Operation

_FORMAT = re.compile(r"\bresponse[ _]format\b", re.IGNORECASE)
"""Words of refusals for a response format that the model does not have."""
_REMEDIES = {
    "transcribe": "ask the service for one, or name one with model=",
    "translate": "transcribe the recording and have a chat model translate the text",
    "speak": "ask the service for one, or name one with model=",
    "chat": "ask the service for one, or name one with model=",
}
_AUDIO_CHAT_REMEDY = (
    "transcribe the clips, send their text to a chat model and speak its reply, or name a model "
    "that hears and speaks with model="
)
"""Remedies if no model can do it."""


@dataclass(frozen=True, slots=True)
class ModelChooser:
    """Choice among the models of a key, or among all known ones if its list is not known.

    Attributes:
        lifecycles: Models of the key, and their ends.
        today: Day on which the model is used.
    """

    lifecycles: ModelLifecycles
    today: date

    def usable(self, need: ModelNeed) -> list[str]:
        """Return the models of the key that are known to do what is asked, in the table's order."""
        names = self.lifecycles.names
        return [name for name in self._known(need) if names is None or name in names]

    def choose(self, need: ModelNeed) -> str:
        """Return the best model for what is asked.

        Best are models whose end is not near, which are strong in the language and return times.
        Without a list of the key's models, and if none in it is known to do it, it is the default
        as long as that has not ended: lists may be incomplete.

        Raises:
            NotFoundError: If the key has no model that is known to do it, and the default ended.
        """
        is_listed = self.lifecycles.names is not None
        if is_listed and (usable := self.usable(need)):
            return min(usable, key=lambda name: self._rank(name, need))
        default = DEFAULT_MODELS[need.operation]
        alive = [name for name in self._known(need) if not self._has_ended(name)]
        if default in alive:
            return default
        if is_listed:
            raise NotFoundError(self.explain_missing(need), code="model_not_found")
        return alive[0] if alive else default

    def defaults(self) -> dict[Operation, str]:
        """Return the model of each operation if none is named; of a chat, one with audio."""
        defaults = dict(DEFAULT_MODELS)
        for operation in defaults:
            with contextlib.suppress(NotFoundError):
                need = ModelNeed(operation=operation, has_audio=operation == "chat")
                defaults[operation] = self.choose(need)
        return defaults

    def _known(self, need: ModelNeed) -> list[str]:
        table = self.lifecycles.table
        return [name for name, row in table.items() if suits(row, need)]

    def explain(self, model: str, need: ModelNeed) -> str:
        """Return sentences for an error about a model: its end, and what the key can use."""
        is_ending = self.lifecycles.is_ending(model, self.today)
        end = self.lifecycles.describe_end(model, self.today) if is_ending else None
        usable = [name for name in self.usable(need) if name != model]
        if self.lifecycles.names is None:
            return end or ""
        if not usable:
            return self.explain_missing(need)
        listed = f"To {need}, this key can use {', '.join(usable)}."
        return f"{end} {listed}" if end else listed

    def explain_missing(self, need: ModelNeed) -> str:
        """Return sentences for what no model of the key can do: why, and what to do."""
        default = DEFAULT_MODELS[need.operation]
        end = self.lifecycles.describe_end(default, self.today)
        reason = f" {end}" if end and self._has_ended(default) else ""
        remedy = _AUDIO_CHAT_REMEDY if need.has_audio else _REMEDIES[need.operation]
        return (
            f"This key has no model that is known to {need}.{reason} "
            f"{remedy[0].upper()}{remedy[1:]}."
        )

    def _has_ended(self, model: str) -> bool:
        end = self.lifecycles.end_of(model)
        return end is not None and self.today >= end

    def _rank(self, name: str, need: ModelNeed) -> tuple[bool, ...]:
        """Return what makes a model worse; of equal models, the first of the table is the best."""
        row = self.lifecycles.table[name]
        wants_own_voice = need.voice is not None and need.voice not in VOICES
        wants_times = need.operation in {"transcribe", "translate"} and not need.response_format
        return (
            self.lifecycles.is_ending(name, self.today),
            need.operation == "chat" and not need.has_audio and bool(row.formats["chat"]),
            wants_own_voice and bool(row.voices),
            bool(need.language) and need.language not in row.strong_languages,
            wants_times and "verbose_json" not in row.formats[need.operation],
        )


def is_about_model(error: APIStatusError) -> bool:
    """Return whether an error says that a model is gone or does not have a response format."""
    if isinstance(error, InvalidRequestError):
        return error.param == "response_format" or bool(_FORMAT.search(error.message))
    return error.code in {"model_not_found", "model_access_denied"}


def is_endpoint_gone(error: NotFoundError) -> bool:
    """Return whether a response says that an endpoint, and not a model, does not exist."""
    return error.status is not None and error.code != "model_not_found"


def _accepts_length(row: Model, seconds: float | None) -> bool:
    return (
        row.max_seconds is None or seconds is None or seconds <= row.max_seconds * DURATION_MARGIN
    )


def suits(row: Model, need: ModelNeed) -> bool:
    """Return whether a model is known to do what is asked."""
    formats = row.formats.get(need.operation)
    return (
        formats is not None
        and (need.response_format is None or need.response_format in formats)
        and (not need.has_audio or bool(formats))
        and (not need.instructions or row.instructions)
        and (len(need.languages) < 2 or row.languages)  # noqa: PLR2004  # one becomes `language`
        and (not need.words or row.word_times)
        and _accepts_length(row, need.seconds)
        and (need.voice is None or need.voice not in VOICES or row.has_voice(need.voice))
    )
