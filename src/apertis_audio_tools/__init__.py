"""The Apertis Audio API for LangChain and LlamaIndex pipelines.

Names are imported when they are first used, so that importing the package is fast.
"""

from importlib import import_module

# Type checkers read the block below because of this name. A literal False would make jedi skip it,
# and importing `typing` would double the time to start Python.
TYPE_CHECKING = bool(0)
if TYPE_CHECKING:
    from apertis_audio_tools.api.speakers import Diarizer, SpeakerSpan
    from apertis_audio_tools.client import ApertisAudio
    from apertis_audio_tools.errors import (
        AccessError,
        ApertisError,
        APIConnectionError,
        APIError,
        APIStatusError,
        APITimeoutError,
        AudioRequiresPaygError,
        AuthenticationError,
        BudgetExceededError,
        CertificateError,
        ConfigurationError,
        InvalidRequestError,
        MalformedResponseError,
        ModelRetirementWarning,
        NotFoundError,
        OutputError,
        PaymentError,
        PermissionDeniedError,
        RateLimitError,
        RecordingError,
        ServerError,
        TooLargeError,
        UnsupportedError,
    )
    from apertis_audio_tools.files.access import FileAccess
    from apertis_audio_tools.models import MODELS, Model, Price
    from apertis_audio_tools.pipeline.batch import Outcome
    from apertis_audio_tools.pipeline.estimates import Estimate, RecordingEstimate
    from apertis_audio_tools.pipeline.progress import Progress
    from apertis_audio_tools.results import (
        Balance,
        ChatDelta,
        ChatReply,
        Cue,
        ModelStatus,
        PartialTranscript,
        Passage,
        Segment,
        Speech,
        SpeechFile,
        ToolCall,
        ToolCallDelta,
        TotalUsage,
        Transcript,
        Usage,
        Word,
    )

    __version__: str

__all__ = [
    "MODELS",
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AccessError",
    "ApertisAudio",
    "ApertisError",
    "AudioRequiresPaygError",
    "AuthenticationError",
    "Balance",
    "BudgetExceededError",
    "CertificateError",
    "ChatDelta",
    "ChatReply",
    "ConfigurationError",
    "Cue",
    "Diarizer",
    "Estimate",
    "FileAccess",
    "InvalidRequestError",
    "MalformedResponseError",
    "Model",
    "ModelRetirementWarning",
    "ModelStatus",
    "NotFoundError",
    "Outcome",
    "OutputError",
    "PartialTranscript",
    "Passage",
    "PaymentError",
    "PermissionDeniedError",
    "Price",
    "Progress",
    "RateLimitError",
    "RecordingError",
    "RecordingEstimate",
    "Segment",
    "ServerError",
    "SpeakerSpan",
    "Speech",
    "SpeechFile",
    "TooLargeError",
    "ToolCall",
    "ToolCallDelta",
    "TotalUsage",
    "Transcript",
    "UnsupportedError",
    "Usage",
    "Word",
]

# The modules that define the public names; those that import least come first.
_MODULES = (
    *("errors", "models", "results", "api.speakers", "files.access"),
    *("pipeline.progress", "pipeline.batch", "pipeline.estimates", "client"),
)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("apertis-audio-tools")
    if name in __all__:
        for module_name in _MODULES:
            module = import_module(f"{__name__}.{module_name}")
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
