"""How the service says no: a status, a code, a sentence, and the parameter at fault."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


class Refusal(Exception):  # noqa: N818 -- it is an answer, not a failure of the sandbox
    """An error answer: HTTP status, documented code, one sentence, the parameter at fault."""

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

    def response(self) -> JSONResponse:
        """The documented error body with its status."""
        error = {
            "message": self.message,
            "type": _TYPES.get(self.status, "invalid_request_error"),
            "code": self.code,
            "param": self.param,
        }
        return JSONResponse({"error": error}, self.status, self.headers)


def invalid(param: str, message: str) -> Refusal:
    """400 invalid_parameter."""
    return Refusal(400, "invalid_parameter", message, param)


def missing(param: str) -> Refusal:
    """400 missing_parameter."""
    return Refusal(400, "missing_parameter", f"Missing required parameter: '{param}'.", param)


def unreadable(message: str) -> Refusal:
    """400 invalid_request: the body is not what its content type says."""
    return Refusal(400, "invalid_request", message)


def bad_audio(message: str, param: str = "file") -> Refusal:
    """400 invalid_file_format."""
    return Refusal(400, "invalid_file_format", message, param)
