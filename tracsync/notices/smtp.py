"""The mail server, with a limit of time for all that is said to it: one that answers in drops is left."""

from __future__ import annotations

import io
import smtplib
import socket
import time
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

SECONDS = 50.0  # from the connection to the end


class _Answers(io.RawIOBase):
    """What the server says until a moment, on time.monotonic()'s clock."""

    def __init__(self, sock: socket.socket, ends_at: float) -> None:
        super().__init__()
        self.sock, self.ends_at = sock, ends_at
        self.timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.sock.settimeout(left if self.timeout is None else min(left, self.timeout))
        return self.sock.recv_into(buffer)


class _Limited(smtplib.SMTP):
    def __init__(self, *args: Any, **options: Any) -> None:
        self.ends_at = time.monotonic() + SECONDS
        super().__init__(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Answers(self.sock, self.ends_at))
        return super().getreply()


class _LimitedTLS(_Limited, smtplib.SMTP_SSL):
    pass


class LimitedBackend(EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _LimitedTLS if self.use_ssl else _Limited
