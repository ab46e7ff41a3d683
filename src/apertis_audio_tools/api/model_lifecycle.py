"""Ends of models: what is known of them, and the sentences that say so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from apertis_audio_tools.api.model_list import ListedModel
from apertis_audio_tools.models import MODELS, Model, Operation
from apertis_audio_tools.results import ModelStatus

_WARNING_DAYS = 90


@dataclass(frozen=True, slots=True)
class ModelLifecycles:
    """Ends of models: those in the key's own list, else those in the table.

    Attributes:
        listed: Models that the key can use; None if that is not known.
        table: Known models.
    """

    listed: Sequence[ListedModel] | None
    table: Mapping[str, Model] = field(default_factory=lambda: MODELS)

    @property
    def names(self) -> list[str] | None:
        """Names of the models that the key can use; None if they are not known."""
        return None if self.listed is None else [each.name for each in self.listed]

    def end_of(self, model: str) -> date | None:
        """Return the day from which a model is no longer served, or None if no end is known."""
        own = next((each.retires for each in self.listed or () if each.name == model), None)
        row = self.table.get(model)
        return own or (row.retires if row else None)

    def is_ending(self, model: str, today: date) -> bool:
        """Return whether a model ends within 90 days, or has ended."""
        end = self.end_of(model)
        return end is not None and today >= end - timedelta(days=_WARNING_DAYS)

    def successors_of(self, model: str) -> tuple[str, ...]:
        """Return the successors that the key can use; all that are known if it can use none."""
        row = self.table.get(model)
        known = row.successors if row else ()
        usable = tuple(name for name in known if name in (self.names or ()))
        return usable or known

    def _describe(self, successor: str, today: date) -> str | None:
        """Return the name of a successor with its own end, or None if it has ended."""
        end = self.end_of(successor)
        if end is None:
            return successor
        return f"{successor} (until {end.isoformat()})" if today < end else None

    def describe_end(self, model: str, today: date) -> str | None:
        """Return a sentence about the end of a model and what to do; None if no end is known."""
        end = self.end_of(model)
        if end is None:
            return None
        verb = "retires" if today < end else "retired"
        successors = [self._describe(each, today) for each in self.successors_of(model)]
        known = " or ".join(filter(None, successors))
        remedy = f"use {known}" if known else "no successor is announced"
        return f"{model} {verb} on {end.isoformat()}: {remedy}."


def check_models(
    lifecycles: ModelLifecycles,
    deprecated: Collection[str],
    defaults: Mapping[Operation, str],
) -> tuple[ModelStatus, ...]:
    """Return the lifecycle of each model of the key and of each default.

    Args:
        lifecycles: Models of the key, and their ends.
        deprecated: Names of the models that the catalogue of the service calls deprecated.
        defaults: Model of each operation unless another one is named.
    """
    listed = lifecycles.names or []
    statuses = list[ModelStatus]()
    for name in sorted({*listed, *defaults.values()}):
        row = lifecycles.table.get(name)
        end, is_deprecated = lifecycles.end_of(name), name in deprecated
        statuses.append(
            ModelStatus(
                name=name,
                is_listed=name in listed,
                default_of=tuple(each for each, model in defaults.items() if model == name),
                retires=end,
                is_deprecated=is_deprecated,
                successors=lifecycles.successors_of(name),
                source=f"{row.source}, read on {row.read_on.isoformat()}" if row else "",
            )
        )
    return tuple(statuses)
