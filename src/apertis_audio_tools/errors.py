"""Everything that can go wrong, by whose part it is to mend.

ApertisError
├─ ConfigurationError            no key, or a setting that cannot be
├─ UnsupportedError              known to be impossible: refused before a byte was sent
├─ RecordingError                the source is missing, unreadable or holds no audio
├─ OutputError                   the result cannot be written where it was asked for
├─ AccessError                   a file that the agent's tools may not read or write
└─ APIError                      the service's part
   ├─ APIConnectionError         no whole answer arrived
   │  ├─ APITimeoutError         ... in time
   │  └─ CertificateError        nobody was asked: the service could not prove who it is
   ├─ MalformedResponseError       the answer came with success and cannot be believed
   └─ APIStatusError             the service refused
      ├─ InvalidRequestError     400, 415, 422
      ├─ AuthenticationError     401
      ├─ PaymentError            402, and a 429 that speaks of quota
      ├─ PermissionDeniedError   403
      │  └─ AudioRequiresPaygError
      ├─ NotFoundError           404
      ├─ TooLargeError           413
      ├─ RateLimitError          429
      └─ ServerError             500 and above
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apertis_audio_tools.results import PartialTranscript


class ApertisError(Exception):
    """The root of all errors of this package.

    Attributes:
        status: The HTTP status, if an answer arrived.
        code: The service's own code for it, such as ``audio_requires_payg``.
        param: The request parameter the service blames.
        request_id: What the service's support will ask for.
        retry_after: Seconds after which the service said to come back.
        partial: Of a transcription in pieces, what was finished: a `PartialTranscript`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.request_id = request_id
        self.retry_after = retry_after
        self.partial: PartialTranscript | None = None

    @property
    def message(self) -> str:
        """What happened and what to do, in words."""
        return str(self.args[0])

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[ApertisError], args: tuple[Any, ...], state: dict[str, Any]
) -> ApertisError:
    error = kind(*args)
    error.__dict__.update(state)
    return error


class ConfigurationError(ApertisError):
    """No key, or a setting that cannot be."""


class UnsupportedError(ApertisError):
    """Known to be impossible: refused here, before a byte was sent."""


class RecordingError(ApertisError):
    """The source is missing, unreadable or holds no audio."""


class OutputError(ApertisError):
    """The result cannot be written where it was asked for."""


class AccessError(ApertisError):
    """Outside of what the tools of an agent may read and write."""


class APIError(ApertisError):
    """The service's part: it could not be reached, refused, or answered nonsense."""


class APIConnectionError(APIError):
    """No whole answer arrived."""


class APITimeoutError(APIConnectionError):
    """No whole answer arrived in time."""


class CertificateError(APIConnectionError):
    """The other end could not prove that it is the service, and was sent nothing."""


class MalformedResponseError(APIError):
    """The answer came with success and cannot be believed."""


class APIStatusError(APIError):
    """The service refused."""


class InvalidRequestError(APIStatusError):
    """The service found fault with the request (400, 415, 422)."""


class AuthenticationError(APIStatusError):
    """The key is missing, wrong or expired (401)."""


class PaymentError(APIStatusError):
    """Quota or balance is used up (402, or a 429 that says so)."""


class PermissionDeniedError(APIStatusError):
    """The key may not do this (403)."""


class AudioRequiresPaygError(PermissionDeniedError):
    """Audio needs a pay-as-you-go key; this one belongs to a subscription (403)."""


class NotFoundError(APIStatusError):
    """No such model or endpoint (404)."""


class TooLargeError(APIStatusError):
    """The request is larger than the service takes (413)."""


class RateLimitError(APIStatusError):
    """Too many requests for now (429)."""


class ServerError(APIStatusError):
    """The service failed (500 and above)."""
