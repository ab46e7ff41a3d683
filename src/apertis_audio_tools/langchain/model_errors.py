"""Errors that are also LangChain's own, so that its middleware knows which of them may pass."""

import contextlib
import re
from collections.abc import Iterator

from langchain_core import exceptions
from langchain_core.tools import ToolException

from apertis_audio_tools import errors

_MODEL_ERRORS: dict[type[errors.ApertisError], tuple[str, ...]] = {
    errors.ApertisError: ("ModelInvalidRequestError",),  # refused before anything was sent
    errors.APIError: ("ModelError",),
    errors.APIConnectionError: ("ModelConnectionError",),
    errors.APITimeoutError: ("ModelTimeoutError", "ModelConnectionError"),
    errors.CertificateError: ("ModelConnectionError",),
    errors.MalformedResponseError: ("ModelAPIError",),
    errors.InvalidRequestError: ("ModelInvalidRequestError",),
    errors.AuthenticationError: ("ModelAuthenticationError",),
    errors.PermissionDeniedError: ("ModelPermissionDeniedError",),
    errors.NotFoundError: ("ModelNotFoundError",),
    errors.TooLargeError: ("ContextOverflowError", "ModelInvalidRequestError"),
    errors.RateLimitError: ("ModelRateLimitError",),
    errors.ServerError: ("ModelAPIError",),
}
"""LangChain's classes of each error and its subclasses; those the installed core lacks are left
out."""

_FINAL_ERRORS = (errors.CertificateError, errors.MalformedResponseError)
"""Errors that the client does not retry either, although LangChain's class of them is retried."""
_RETRIED_STATUSES = frozenset({408, 409, 425})

_VARIANTS: dict[str, tuple[type[errors.ApertisError], tuple[str, ...]]] = {
    "Overflow": (errors.InvalidRequestError, ("ContextOverflowError", "ModelInvalidRequestError")),
    "Passing": (errors.APIStatusError, ("ModelAPIError",)),
}
"""Errors whose code or status makes them another class of LangChain's than their own class is."""

_OVERFLOW = re.compile(
    r"context[ _](length|window|limit)|(prompt|input|conversation) is too long|too many tokens",
    re.IGNORECASE,
)


def as_model_error(error: errors.ApertisError) -> errors.ApertisError:
    """Return an error that is also the matching class of `langchain_core.exceptions`."""
    return _converted(error, _find_type("", error))


def as_tool_exception(error: errors.ApertisError) -> errors.ApertisError:
    """Return an error that is a `ToolException` as well, which LangChain shows to the model."""
    return _converted(error, _find_type("Tool", error))


def is_retryable(error: BaseException) -> bool:
    """Return whether the same request may succeed later; False for errors of anything else."""
    if _is_passing(error):
        return True
    if isinstance(error, _FINAL_ERRORS):
        return False
    passing = errors.APIConnectionError | errors.RateLimitError | errors.ServerError
    return isinstance(error, passing)


@contextlib.contextmanager
def raising_model_errors() -> Iterator[None]:
    """Raise errors of this package as errors that are LangChain's own as well."""
    try:
        yield
    except errors.ApertisError as error:
        raise as_model_error(error) from error


def _converted(
    error: errors.ApertisError, error_type: type[errors.ApertisError]
) -> errors.ApertisError:
    if isinstance(error, error_type):
        return error
    converted = error_type(*error.args)
    converted.__dict__.update(error.__dict__, is_retryable=is_retryable(error))
    return converted


def _find_type(prefix: str, error: errors.ApertisError) -> type[errors.ApertisError]:
    if _is_overflow(error):
        prefix += "Overflow"
    elif _is_passing(error):
        prefix += "Passing"
    known = (_TYPES.get(f"{prefix}{each.__name__}") for each in type(error).__mro__)
    return next(each for each in known if each is not None)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, errors.APIStatusError) and error.status in _RETRIED_STATUSES


def _is_overflow(error: errors.ApertisError) -> bool:
    if not isinstance(error, errors.InvalidRequestError):
        return False
    return bool(_OVERFLOW.search(f"{error.code} {error}"))


def _make_type(
    name: str, error_type: type[errors.ApertisError], bases: tuple[type[Exception], ...]
) -> type[errors.ApertisError]:
    """Return a subclass that can be pickled; the class itself if there is nothing to add."""
    if not bases:
        return error_type
    namespace = {"__module__": __name__, "__doc__": error_type.__doc__}
    return type(name, (error_type, *bases), namespace)


def _langchain_bases(error_type: type[errors.ApertisError]) -> tuple[type[Exception], ...]:
    names = next(_MODEL_ERRORS[each] for each in error_type.__mro__ if each in _MODEL_ERRORS)
    return _existing(names)


def _existing(names: tuple[str, ...]) -> tuple[type[Exception], ...]:
    """Return the classes that the installed core has, without base classes of others."""
    return tuple(getattr(exceptions, name) for name in names if hasattr(exceptions, name))


def _make_types() -> dict[str, type[errors.ApertisError]]:
    """Return the classes of all errors, by name, for models and for tools."""
    public = (each for each in vars(errors).values() if isinstance(each, type))
    types: dict[str, type[errors.ApertisError]] = {}
    for each in public:
        if issubclass(each, errors.ApertisError):
            bases = _langchain_bases(each)
            types[each.__name__] = _make_type(each.__name__, each, bases)
            tool_name = f"Tool{each.__name__}"
            types[tool_name] = _make_type(tool_name, each, (ToolException, *bases))
    for variant, (base, names) in _VARIANTS.items():
        for prefix, tool in (("", ()), ("Tool", (ToolException,))):
            name = f"{prefix}{variant}{base.__name__}"
            types[name] = _make_type(name, base, (*tool, *_existing(names)))
    return types


_TYPES = _make_types()
globals().update(_TYPES)  # where pickle looks for them; their names are those in `errors`

RETRYABLE_ERRORS: tuple[type[errors.ApertisError], ...] = tuple(
    _TYPES[name]
    for name in (
        "APIConnectionError",
        "APITimeoutError",
        "RateLimitError",
        "ServerError",
        "PassingAPIStatusError",
    )
)
"""Errors of models and runnables that may pass, for `Runnable.with_retry`."""
