"""TCP lines to a server: one on which answers can be lost, and one within TLS."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.harness import wait_for


class Line:
    """While `is_silent`, a connection gets no answers from when one of the words in `writes` was sent on.

    `sent`: what clients have sent, a part for each connection.
    """

    def __init__(self, host: str, port: int, *writes: bytes) -> None:
        self._to, self._writes = (host, port), writes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.is_silent = False
        self.sent: list[bytearray] = []
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it, and all connections on it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End all connections on it."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def wait_for(self, word: bytes) -> None:
        """Until a client has sent it."""
        wait_for(lambda: any(word in sent for sent in self.sent), f"{word!r} on the line")

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                self._open.append(near)
                far = socket.create_connection(self._to)
                self._open.append(far)
                self.sent.append(bytearray())
                lost = threading.Event()
                for passing in (self._questions, self._answers):
                    threading.Thread(
                        target=passing, args=(near, far, lost, self.sent[-1]), daemon=True
                    ).start()

    def _questions(
        self, near: socket.socket, far: socket.socket, lost: threading.Event, sent: bytearray
    ) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                sent += data
                if self.is_silent and any(word in data for word in self._writes):
                    lost.set()
                far.sendall(data)
            far.shutdown(socket.SHUT_RDWR)

    def _answers(
        self, near: socket.socket, far: socket.socket, lost: threading.Event, _sent: bytearray
    ) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                if not lost.is_set():
                    near.sendall(data)
            near.shutdown(socket.SHUT_RDWR)


class TlsLine:
    """TLS for a server on loopback that has none; `asked`: what a client sends first to have it.

    `certificate`: in PEM, signed by itself, for 127.0.0.1.
    """

    def __init__(self, port: int, folder: Path, asked: bytes = b"") -> None:
        self._to, self._asked = port, asked
        self.certificate = certificate_of(folder).text
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "pair.pem")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                threading.Thread(target=self._forward, args=(near,), daemon=True).start()

    def _forward(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            if self._asked:
                assert near.recv(len(self._asked)) == self._asked
                near.sendall(b"S")
            with (
                self._context.wrap_socket(near, server_side=True) as inner,
                socket.create_connection(("127.0.0.1", self._to)) as far,
            ):
                inner.settimeout(0.01)
                far.settimeout(0.01)
                while True:
                    for source, target in ((inner, far), (far, inner)):
                        with suppress(TimeoutError):
                            data = source.recv(65536)
                            if not data:
                                return
                            target.sendall(data)


@dataclass(frozen=True)
class Certificate:
    """In PEM, signed by itself, for 127.0.0.1. The file `pair.pem` has it and its key."""

    text: str

    @property
    def context(self) -> ssl.SSLContext:
        """Of a client that trusts it."""
        return ssl.create_default_context(cadata=self.text)


def certificate_of(folder: Path) -> Certificate:
    """A new one, and the file in this folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = _signed(key).public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "pair.pem").write_text(private.decode() + made)
    return Certificate(made)


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """A certificate for 127.0.0.1 that is its own authority."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([address]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
