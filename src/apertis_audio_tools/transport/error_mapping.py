"""What fails on the way, as errors of this package."""

import contextlib
import ssl
from collections.abc import Iterator

import httpx

from apertis_audio_tools.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    CertificateError,
    MalformedResponseError,
)

_NOBODY_THERE = "Check the network, and whether base_url (APERTIS_BASE_URL) is right."


@contextlib.contextmanager
def map_errors() -> Iterator[None]:
    """Errors of the connection as ours; they name the host, never the body or the key."""
    try:
        yield
    except httpx.RequestError as error:
        raise _told(error) from _bare(error)
    except (httpx.StreamError, ssl.SSLError) as error:
        raise APIConnectionError(f"The connection failed ({_brief(error)}).") from error


def _told(error: httpx.RequestError) -> APIError:
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"The service stayed silent too long ({_brief(error)}).")
    if isinstance(error, httpx.DecodingError):
        return MalformedResponseError(f"The answer cannot be decompressed ({error}).")
    url = error.request.url
    address = f"{url.host}:{url.port or url.scheme}"
    if (why := _distrust(error)) is not None:
        return CertificateError(
            f"{address} could not prove that it is the service ({why}); nothing was sent."
        )
    advice = f" {_NOBODY_THERE}" if isinstance(error, httpx.ConnectError) else ""
    return APIConnectionError(f"The connection to {address} failed ({_brief(error)}).{advice}")


def _distrust(error: BaseException | None) -> str | None:
    """What is wrong with the certificate, if it is that."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        error = error.__cause__ or error.__context__
    return None


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _bare(error: httpx.RequestError) -> httpx.RequestError:
    """The error without the headers, which hold the key, and the body, which holds audio."""
    error.request = httpx.Request(error.request.method, error.request.url)
    return error
