"""Ages of the sandbox: which models it serves on a day, and its lists of models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from starlette.requests import Request

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.error_responses import ErrorResponse

RetiredStatus = Literal[404, 503]
"""Status for a retired model: of the service itself, or of a gateway without a channel for it."""
_NO_CHANNEL: Final = 503
_TASKS: Final[Mapping[str, frozenset[str]]] = {
    "transcription": tables.TRANSCRIPTION_MODELS,
    "translation": tables.WHISPER_MODELS,
    "speech": tables.SPEECH_MODELS,
    "chat": tables.CHAT_MODELS,
}


@dataclass(frozen=True)
class Lifecycle:
    """Models that are served on one day.

    Attributes:
        today: The day; None for one on which everything is served.
        retired_status: Status of the responses to requests for retired models.
    """

    today: date | None = None
    retired_status: RetiredStatus = 404

    def serves(self, model: str) -> bool:
        """Return whether a model exists and has not retired."""
        return model in tables.ALL_MODELS and not self._has_passed(tables.RETIREMENTS.get(model))

    def require_model(self, model: str) -> None:
        """Raise an error unless the model is served."""
        if self.serves(model):
            return
        if model in tables.ALL_MODELS and self.retired_status == _NO_CHANNEL:
            message = f"no available channel for model {model}"
            raise ErrorResponse(503, "service_unavailable", message)
        raise ErrorResponse(404, "model_not_found", f"The model '{model}' does not exist.", "model")

    def require_translations(self, request: Request) -> None:
        """Raise 404 endpoint_not_found if the endpoint for translations has retired."""
        if self._has_passed(tables.TRANSLATIONS_RETIRE):
            message = f"There is no endpoint {request.method} {request.url.path}."
            raise ErrorResponse(404, "endpoint_not_found", message)

    def list_rows(self) -> Iterator[dict[str, object]]:
        """Yield the rows of GET /v1/models."""
        for model in filter(self.serves, sorted(tables.ALL_MODELS)):
            end = tables.RETIREMENTS.get(model)
            yield {
                "id": model,
                "object": "model",
                "created": tables.MODELS_CREATED,
                "owned_by": "apertis-audio-sandbox",
                "shutdown_date": end and end.isoformat(),
            }

    def catalogue_rows(self) -> Iterator[dict[str, object]]:
        """Yield the rows of GET /api/v2/models; a model is deprecated once the sandbox ages."""
        for model in filter(self.serves, sorted(tables.ALL_MODELS)):
            yield {
                "id": model,
                "category": "chat" if model in tables.CHAT_MODELS else "audio",
                "tasks": [task for task, models in _TASKS.items() if model in models],
                "input_price": tables.DOLLARS_PER_HOUR.get(model),
                "output_price": None,
                "charge_type": "hour" if model in tables.DOLLARS_PER_HOUR else None,
                "is_deprecated": self.today is not None and model in tables.RETIREMENTS,
            }

    def _has_passed(self, end: date | None) -> bool:
        return self.today is not None and end is not None and self.today >= end


def lifecycle_of(request: Request) -> Lifecycle:
    """Return the lifecycle of the sandbox that serves a request."""
    lifecycle: Lifecycle = request.app.state.lifecycle
    return lifecycle
