"""Error responses of the service: status, code, message and the parameter at fault."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


class ErrorResponse(Exception):  # noqa: N818 -- a response to the client, not a failure here
    """Error response: HTTP status, documented code, message, and the parameter at fault."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.headers = headers

    def to_response(self) -> JSONResponse:
        """Return the documented error body with its status."""
        error = {
            "message": self.message,
            "type": _TYPES.get(self.status, "invalid_request_error"),
            "code": self.code,
            "param": self.param,
        }
        return JSONResponse({"error": error}, self.status, self.headers)


def invalid_parameter(param: str, message: str) -> ErrorResponse:
    """Return a 400 invalid_parameter error."""
    return ErrorResponse(400, "invalid_parameter", message, param)


def missing_parameter(param: str) -> ErrorResponse:
    """Return a 400 missing_parameter error."""
    message = f"Missing required parameter: '{param}'."
    return ErrorResponse(400, "missing_parameter", message, param)


def invalid_request(message: str) -> ErrorResponse:
    """Return a 400 invalid_request error: the body does not match its content type."""
    return ErrorResponse(400, "invalid_request", message)


def invalid_file_format(message: str, param: str = "file") -> ErrorResponse:
    """Return a 400 invalid_file_format error."""
    return ErrorResponse(400, "invalid_file_format", message, param)
