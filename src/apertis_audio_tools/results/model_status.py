"""Lifecycle of a model, as far as it is known."""

from datetime import date

from apertis_audio_tools.results.values import Value


class ModelStatus(Value):
    """Lifecycle of a model that the key can use, or that is a default.

    Attributes:
        name: Name of the model.
        is_listed: True if the key can use it.
        default_of: Operations whose default it is: ``transcribe``, ``translate``, ``speak``,
            ``chat``.
        retires: Day from which its provider no longer serves it; None if no end is known.
        is_deprecated: True if the catalogue of the service says so.
        successors: Models that take its place and that the key can use; those that the provider
            names if the key can use none.
        source: Origin of the facts; empty for a model that this package does not know.
    """

    name: str
    is_listed: bool
    default_of: tuple[str, ...] = ()
    retires: date | None = None
    is_deprecated: bool = False
    successors: tuple[str, ...] = ()
    source: str = ""

    @property
    def is_ending(self) -> bool:
        """True if the model has an end, is deprecated, or is a default that the key lacks."""
        return self.retires is not None or self.is_deprecated or not self.is_listed
