"""Errors of this package, grouped by who can solve them.

ApertisError
├─ ConfigurationError            a missing API key, or an invalid setting
├─ UnsupportedError              known to be impossible: refused before anything was sent
├─ RecordingError                the source is missing, unreadable or has no audio
├─ OutputError                   the result cannot be written to its path
├─ AccessError                   a file that the tools of an agent may not read or write
├─ BudgetExceededError           the request would cost more than a limit leaves: not sent
└─ APIError                      the service failed, or refused the request
   ├─ APIConnectionError         no complete response arrived
   │  ├─ APITimeoutError         ... in time
   │  └─ CertificateError        nothing was sent: the service could not prove its identity
   ├─ MalformedResponseError     a response with success whose content is not usable
   └─ APIStatusError             the service refused the request
      ├─ InvalidRequestError     400, 415, 422
      ├─ AuthenticationError     401
      ├─ PaymentError            402, and 429 because of a quota
      ├─ PermissionDeniedError   403
      │  └─ AudioRequiresPaygError
      ├─ NotFoundError           404
      ├─ TooLargeError           413
      ├─ RateLimitError          429
      └─ ServerError             500 and above
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apertis_audio_tools.results import PartialTranscript


class ApertisError(Exception):
    """Base class of all errors of this package.

    Attributes:
        status: HTTP status, if a response arrived.
        code: Error code of the service, such as ``audio_requires_payg``.
        param: Request parameter that the service objects to.
        request_id: Id of the request for the support of the service.
        retry_after: Seconds to wait before trying again.
        partial: Finished part of a transcription in pieces.
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
        """Message that says what happened and what to do."""
        return str(self.args[0])

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(
    error_type: type[ApertisError], args: tuple[str], state: dict[str, object]
) -> ApertisError:
    error = error_type(*args)
    error.__dict__.update(state)
    return error


class ModelRetirementWarning(FutureWarning):
    """The provider of a model that is used stops serving it within 90 days, or has stopped."""


class ConfigurationError(ApertisError):
    """The API key is missing, or a setting is invalid."""


class UnsupportedError(ApertisError):
    """The request is known to be impossible, and was refused before anything was sent."""


class RecordingError(ApertisError):
    """The source is missing, unreadable or has no audio."""


class OutputError(ApertisError):
    """The result cannot be written to its path."""


class AccessError(ApertisError):
    """The file is not one that the tools of an agent may read or write."""


class BudgetExceededError(ApertisError):
    """The request would exceed `max_cost` or `max_audio_seconds`, and was not sent."""


class APIError(ApertisError):
    """The service could not be reached, refused the request, or sent an unusable response."""


class APIConnectionError(APIError):
    """No complete response arrived.

    Attributes:
        is_unsent: True if nothing of the request can have arrived at the service.
    """

    is_unsent: bool = False


class APITimeoutError(APIConnectionError):
    """No complete response arrived in time."""


class CertificateError(APIConnectionError):
    """The server could not prove that it is the service, and nothing was sent to it."""

    is_unsent: bool = True


class MalformedResponseError(APIError):
    """The response came with success, and its content is not usable."""


class APIStatusError(APIError):
    """The service refused the request."""


class InvalidRequestError(APIStatusError):
    """The request is invalid (400, 415, 422)."""


class AuthenticationError(APIStatusError):
    """The API key is missing, wrong or expired (401)."""


class PaymentError(APIStatusError):
    """The quota or the balance is used up (402, or 429 because of a quota)."""


class PermissionDeniedError(APIStatusError):
    """The API key does not permit this (403)."""


class AudioRequiresPaygError(PermissionDeniedError):
    """Audio requires a pay-as-you-go key; this one belongs to a subscription (403)."""


class NotFoundError(APIStatusError):
    """The model or endpoint does not exist (404)."""


class TooLargeError(APIStatusError):
    """The request is larger than the service accepts (413)."""


class RateLimitError(APIStatusError):
    """There were too many requests (429), or there would be."""


class ServerError(APIStatusError):
    """The service failed (500 and above)."""
