"""Real peers: a mail server, and a receiver of webhooks, each of which can refuse or keep silent."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller

from tests.api.conftest import api
from tests.harness import free_port
from tracsync.models import NoticeChannel, NoticeWatch
from tracsync.notices import channels, outbox, watch

__all__ = ["api"]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Mailbox:
    """Keeps what arrives. `answer`: what it says to a message."""

    def __init__(self):
        self.messages = []
        self.answer = "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answer.startswith("250"):
            self.messages.append((envelope.rcpt_tos, envelope.content.decode()))
        return self.answer


@pytest.fixture
def mailbox(settings):
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    settings.EMAIL_BACKEND = "tracsync.notices.smtp.LimitedBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_TIMEOUT = 20
    yield box
    server.stop()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers), body))
        self.server.let_go.wait(20)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.received, server.status, server.let_go = [], 200, threading.Event()
        server.let_go.set()
        server.url = f"http://127.0.0.1:{server.server_port}/hook/s3cr3t-path"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.let_go.set()
        server.shutdown()


@pytest.fixture
def webhook(db, receiver):
    secrets = {"url": receiver.url, "signing_secret": SECRET}
    return NoticeChannel.objects.create(name="on call", kind="webhook", secrets=secrets)


@pytest.fixture
def person(db, django_user_model):
    """Who may look at everything, and has an address."""
    return django_user_model.objects.create_superuser("ada", "ada@example.org", "x")


@pytest.fixture
def watching(db):
    """Look and send, as often as told."""
    NoticeWatch.ensure()
    sending = outbox.Outbox()

    class Watching:
        def __init__(self, clock):
            self.clock = clock

        def now(self):
            assert watch.look(self.clock.now)
            sending.drain(60)

        def after(self, seconds):
            """Look each 15 seconds, for so long."""
            for _ in range(round(seconds / 15)):
                self.clock.forward(15)
                self.now()

    return Watching


@pytest.fixture
def look(watching, frozen):
    return watching(frozen)


def read(received):
    return [json.loads(body) for _path, _headers, body in received]


@pytest.fixture
def bodies(receiver):
    return lambda: read(receiver.received)


@pytest.fixture
def mail_is_off(settings):
    settings.EMAIL_BACKEND = channels.NO_MAIL
