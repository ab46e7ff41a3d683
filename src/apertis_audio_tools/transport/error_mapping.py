"""Translation of errors of httpx and of encryption into errors of this package."""

import contextlib
import ssl
import traceback
from collections.abc import Iterator

import httpx

from apertis_audio_tools.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    CertificateError,
    MalformedResponseError,
)
from apertis_audio_tools.transport.key_redaction import Redact, redact_exceptions

_ADVICE = "Check the network, and whether base_url (APERTIS_BASE_URL) is right."
_BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_MODULES_WITH_HEADERS = ("httpx", "httpcore", "h11", "anyio", "asyncio", __package__)


@contextlib.contextmanager
def map_errors(redact: Redact, method: str, url: httpx.URL) -> Iterator[None]:
    """Raise errors of a request as errors of this package.

    They name the host. Neither they nor the frames of the libraries hold the body or the API key;
    `redact` removes it from what the errors quote of a response.
    """
    try:
        yield
    except httpx.RequestError as error:
        clear_transport_frames(error)
        redact_exceptions(error, redact)
        error.request = httpx.Request(method, url)  # without the API key, and without audio
        raise _map_error(error) from error
    except (httpx.StreamError, ssl.SSLError) as error:
        clear_transport_frames(error)
        redact_exceptions(error, redact)
        raise APIConnectionError(f"The connection failed ({_summarize(error)}).") from error
    except APIError as error:  # raised by the backends, below the frames of httpcore
        clear_transport_frames(error)
        raise


def clear_transport_frames(error: BaseException | None) -> None:
    """Clear the finished frames of an error and its causes that may hold the API key."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_globals.get("__name__", "").startswith(_MODULES_WITH_HEADERS):
                with contextlib.suppress(RuntimeError):  # still running
                    frame.clear()
        error = error.__cause__ or error.__context__


def _map_error(error: httpx.RequestError) -> APIError:
    mapped = _mapped_by_type(error)
    if isinstance(mapped, APIConnectionError) and isinstance(error, _BEFORE_SENDING):
        mapped.is_unsent = True
    return mapped


def _mapped_by_type(error: httpx.RequestError) -> APIError:
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"The service was silent for too long ({_summarize(error)}).")
    if isinstance(error, httpx.DecodingError):
        return MalformedResponseError(f"The response cannot be decompressed ({_summarize(error)}).")
    url = error.request.url
    address = f"{url.host}:{url.port or url.scheme}"
    if (reason := _find_certificate_problem(error)) is not None:
        return CertificateError(
            f"{address} could not prove that it is the service ({reason}); nothing was sent."
        )
    advice = f" {_ADVICE}" if isinstance(error, httpx.ConnectError) else ""
    return APIConnectionError(f"The connection to {address} failed ({_summarize(error)}).{advice}")


def _find_certificate_problem(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        error = error.__cause__ or error.__context__
    return None


def _summarize(error: Exception) -> str:
    """Return the type of an error and its text, which may quote a response, in one line."""
    text = " ".join("".join(char if char.isprintable() else " " for char in str(error)).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
