"""The Host header of requests to the sandbox, which a web page cannot choose freely."""

import socket

import httpx
import pytest

LOOPBACK = ("localhost", "LocalHost", "127.0.0.1", "127.8.9.1", "[::1]")
OTHERS = (
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
    "evil.example/localhost",
    "192.168.0.1",
    "0.0.0.0",
    "[::]",
    "[::1",
    "::1",
    "",
    "x" * 5000,
)


@pytest.mark.parametrize("port", ["", ":80", ":8000"])
@pytest.mark.parametrize("name", LOOPBACK)
def test_this_machine(client: httpx.Client, name: str, port: str) -> None:
    """Names and addresses of the loopback interface are served with any port."""
    response = client.get("/models", headers={"Host": name + port})
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/models", "/audio/speech", "/nowhere"])
@pytest.mark.parametrize("host", OTHERS)
def test_other_hosts(client: httpx.Client, host: str, path: str) -> None:
    """Any other host is refused on every path, with a sentence that says what to use."""
    response = client.post(path, headers={"Host": host}, content=b"{}")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (421, "invalid_request")
    assert error["message"].endswith("Use localhost or 127.0.0.1 in the base URL.")
    assert len(error["message"]) < 300
    assert response.headers["x-request-id"]


def test_no_host(url: str) -> None:
    """A request without the header, as HTTP 1.0 permits it, is refused."""
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port or 0), timeout=60) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.0\r\n\r\n")
        response = connection.makefile("rb").read()
    assert response.startswith(b"HTTP/1.1 421 ")
    assert b"The Host header is missing" in response


def test_other_origins(client: httpx.Client) -> None:
    """A page of another site gets no permission to send a key, or to read a response."""
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for response in (
        client.options("/audio/speech", headers=asked),
        client.get("/models", headers=asked),
    ):
        assert not [name for name in response.headers if name.startswith("access-control")]
