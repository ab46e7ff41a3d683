"""Encrypted connections are made with the service only, within the deadline."""

import datetime as dt
import itertools
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from apertis_audio_tools import APIConnectionError, APITimeoutError, CertificateError
from support.fake_clock import FakeClock
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run

MODELS = respond_json({"data": [{"id": "whisper-1"}]})
AGES_AGO = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
HELLO_BYTES = 16 * 1024
HELLO = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03"
"""Beginning of a long handshake record."""


class TlsLoopback(LoopbackServer):
    """Scripted server with encryption, or with something in its place.

    Attributes:
        encrypt: What becomes of a connection before anything is read from it.
    """

    encrypt: Callable[[socket.socket], socket.socket]

    def _serve(self, sock: socket.socket) -> None:
        try:
            encrypted = self.encrypt(sock)
        except OSError:
            encrypted = sock
            sock.close()
        with self._changed:
            self._open[encrypted] = self._open.pop(sock)
        super()._serve(encrypted)


def encrypting(certificate: trustme.LeafCert) -> Callable[[socket.socket], socket.socket]:
    """Return a function that encrypts a connection with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def encrypt(sock: socket.socket) -> socket.socket:
        return context.wrap_socket(sock, server_side=True)

    return encrypt


def stall(sock: socket.socket) -> socket.socket:
    """Read without responding, until the client closes the connection."""
    while sock.recv(HELLO_BYTES):
        pass
    raise ConnectionResetError


def drip(sock: socket.socket) -> socket.socket:
    """Send a very long handshake record byte by byte."""
    sock.recv(HELLO_BYTES)
    sock.settimeout(0.02)
    for byte in itertools.chain(
        b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03", itertools.repeat(7)
    ):
        sock.sendall(bytes([byte]))
        try:
            if not sock.recv(1):
                break
        except TimeoutError:
            continue
    raise ConnectionResetError


def reset_during_handshake(sock: socket.socket) -> socket.socket:
    """Reset the connection during the handshake."""
    sock.recv(HELLO_BYTES)
    raise ConnectionResetError


def respond_unencrypted(sock: socket.socket) -> socket.socket:
    """Respond without encryption."""
    sock.recv(HELLO_BYTES)
    sock.sendall(b"HTTP/1.1 400 No\r\n\r\n")
    return sock


@pytest.fixture(name="authority", scope="module")
def _authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(name="trusted")
def _trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Return an authority that this machine trusts."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return authority


@pytest.fixture(name="server")
def _server() -> Iterator[TlsLoopback]:
    with TlsLoopback([MODELS]) as server:
        yield server


def secure(server: TlsLoopback) -> str:
    return f"https://{server.address}/v1"


def test_trusted(run: Run, trusted: trustme.CA, server: TlsLoopback) -> None:
    """A certificate of a trusted authority for the host is accepted."""
    server.encrypt = encrypting(trusted.issue_cert("127.0.0.1"))
    with server.client(base_url=secure(server)) as audio:
        assert run(audio, "models") == ("whisper-1",)


def test_reset_in_the_handshake(run: Run, trusted: trustme.CA, server: TlsLoopback) -> None:
    """A connection that breaks during the handshake is retried."""
    handshakes = iter([reset_during_handshake, encrypting(trusted.issue_cert("127.0.0.1"))])
    server.encrypt = lambda sock: next(handshakes)(sock)  # noqa: PLW0108  # one after the other
    with server.client(base_url=secure(server)) as audio:
        assert run(audio, "models") == ("whisper-1",)
    assert server.connections == 2


CERTIFICATES: dict[str, Callable[[trustme.CA], trustme.LeafCert]] = {
    "of another host": lambda trusted: trusted.issue_cert("other.example"),
    "expired": lambda trusted: trusted.issue_cert("127.0.0.1", not_after=AGES_AGO),
    "of a stranger": lambda _: trustme.CA().issue_cert("127.0.0.1"),
}


@pytest.mark.parametrize("issue", CERTIFICATES.values(), ids=CERTIFICATES)
def test_not_trusted(
    run: Run,
    trusted: trustme.CA,
    server: TlsLoopback,
    issue: Callable[[trustme.CA], trustme.LeafCert],
) -> None:
    """A server with an invalid certificate gets no request, and there is no retry."""
    server.encrypt = encrypting(issue(trusted))
    clock = FakeClock()
    with (
        server.client(base_url=secure(server), clock=clock) as audio,
        pytest.raises(CertificateError, match="could not prove that it is the service"),
    ):
        run(audio, "models")
    assert (server.connections, server.requests, clock.sleeps) == (1, [], [])


@pytest.mark.usefixtures("trusted")
def test_not_encrypted(run: Run, server: TlsLoopback) -> None:
    """A server that responds without encryption is retried, and is then an error."""
    server.encrypt = respond_unencrypted
    with (
        server.client(base_url=secure(server), max_retries=1) as audio,
        pytest.raises(APIConnectionError),
    ):
        run(audio, "models")
    assert (server.connections, server.requests) == (2, [])


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("encrypt", [stall, drip])
def test_endless_handshake(
    run: Run,
    server: TlsLoopback,
    encrypt: Callable[[socket.socket], socket.socket],
) -> None:
    """A handshake that does not end, silent or byte by byte, is given up at the deadline."""
    server.encrypt = encrypt
    with (
        server.client(base_url=secure(server), deadline=0.3, max_retries=0) as audio,
        pytest.raises(APITimeoutError),
    ):
        run(audio, "models")
    server.wait_until_disconnected()


@pytest.mark.parametrize("kind", ["file", "name of a file", "context", "nothing"])
def test_authorities_of_the_caller(
    run: Run, server: TlsLoopback, authority: trustme.CA, tmp_path: Path, kind: str
) -> None:
    """Certificates are checked against a file or a context of the caller, or not at all."""
    server.encrypt = encrypting(authority.issue_cert("127.0.0.1"))
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.create_default_context(cafile=file)
    choices = {"file": file, "name of a file": str(file), "context": context, "nothing": False}
    with server.client(base_url=secure(server), verify=choices[kind]) as audio:
        assert run(audio, "models") == ("whisper-1",)
    with (
        server.client(base_url=secure(server), max_retries=0) as audio,
        pytest.raises(CertificateError),
    ):
        run(audio, "models")
