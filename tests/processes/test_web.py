"""The web server under attack: slow clients cost a socket, no thread, and go after a bounded time."""

import socket
import threading

import pytest

from tests.harness import wait_for
from tracsync.processes import web


class Clock:
    """Stands still until a test sets it ahead."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


class Serving:
    """The server with a plain application, driven by a thread of this process."""

    def __init__(self, application, clock):
        self.clock = clock
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address = self.listener.getsockname()
        self.server = web._Server(application, self.listener)
        self.stopping = False
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()
        self.clients = []

    def loop(self):
        while not self.stopping:
            self.server._look(0.02)

    def connect(self, *pieces):
        client = socket.create_connection(self.address, timeout=20)
        for piece in pieces:
            client.sendall(piece)
        self.clients.append(client)
        return client

    def channels(self):
        return list(self.server.active_channels.values())

    def has_read(self, size):
        """Whether as many bytes of somebody's body are here."""
        return any(one.request and one.request.body_bytes_received >= size for one in self.channels())

    def wait(self, seconds):
        """Let time pass, and the server look whom it keeps; who was served after that has been spared."""
        self.clock.now += seconds
        self.server.next_channel_cleanup = 0
        wait_for(lambda: self.server.next_channel_cleanup, "a look at all connections")
        assert self.is_served()

    def is_served(self):
        with socket.create_connection(self.address, timeout=60) as client:
            client.sendall(b"GET /healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return read(client).endswith(b"fine")

    def close(self):
        self.stopping = True
        self.thread.join()
        self.server.task_dispatcher.shutdown(timeout=1)
        web.wasyncore.close_all(self.server._map)
        for client in self.clients:
            client.close()


def read(client):
    """All that comes until the other side closes."""
    text = b""
    try:
        while piece := client.recv(65_536):
            text += piece
    except ConnectionResetError:
        pass
    return text


def fine(environ, start_response):
    text = b"read" if environ["wsgi.input"].read() else b"fine"
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]


@pytest.fixture
def make(monkeypatch):
    made, clock = [], Clock()
    monkeypatch.setattr(web, "time", clock)

    def start(application=fine, **limits):
        for name, value in limits.items():
            monkeypatch.setattr(web, name, value)
        made.append(Serving(application, clock))
        return made[-1]

    yield start
    for one in made:
        one.close()


HEAD = b"GET /slow HTTP/1.1\r\nHost: a\r\nX-Slow: "
BODY = b"PUT /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n{"
ANSWERED = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("sent", [HEAD, BODY, b""])
def test_fifty_slow_clients_keep_nobody_waiting(make, sent):
    serving = make()
    for _ in range(50):
        serving.connect(sent)
    assert all(serving.is_served() for _ in range(20))  # while the clock stands still, nobody is cut off
    assert len(serving.channels()) >= 50


@pytest.mark.parametrize(
    ("sent", "limit", "said"),
    [
        (HEAD, web.HEADER_SECONDS, b"HTTP/1.1 408 "),
        (BODY, web.HEADER_SECONDS + web.BODY_SECONDS, b"HTTP/1.1 408 "),
        (b"", web.IDLE_SECONDS, b""),
        (ANSWERED, web.IDLE_SECONDS, b"HTTP/1.1 200 "),
    ],
)
def test_they_are_cut_off_although_they_go_on_sending_drops(make, sent, limit, said):
    serving = make()
    client = serving.connect(sent)
    wait_for(serving.channels, "the connection")
    assert serving.is_served()  # so what was sent before has been read
    drops = sent in (HEAD, BODY)
    for _ in range(5):
        serving.wait(limit / 5)
        if drops:
            client.sendall(b"x")
    assert serving.channels()
    serving.wait(1)
    assert read(client).startswith(said)
    assert not serving.channels()


def test_a_body_that_comes_steadily_may_take_longer(make):
    serving = make()
    client = serving.connect(BODY)
    piece, arrived = b"x" * 111_111, 1
    for _ in range(8):
        client.sendall(piece)
        arrived += len(piece)
        wait_for(lambda arrived=arrived: serving.has_read(arrived), "a piece")
        serving.wait(web.BODY_SECONDS / 2)  # in the end longer than a body without a byte may take
    client.sendall(piece)
    assert read(client).endswith(b"read")


def test_who_takes_no_answer_is_cut_off(make):
    answer = b"x" * 40_000_000

    def large(environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]

    serving = make(large)
    client = serving.connect(ANSWERED)
    wait_for(lambda: any(one.total_outbufs_len for one in serving.channels()), "the answer")

    def is_cut_off():
        serving.clock.now += web.ANSWER_SECONDS + 1  # again, as long as buffers take some of it
        return not serving.channels()

    wait_for(is_cut_off, "the end of the connection")
    assert len(read(client)) < len(answer)


def test_where_it_is_crowded_those_go_that_have_waited_longest(make):
    serving = make(CROWDED=10)
    first = [serving.connect(HEAD) for _ in range(5)]
    wait_for(lambda: len(serving.channels()) == 5, "five connections")
    serving.clock.now += 1
    for _ in range(10):
        serving.connect(HEAD)
    assert all(read(client).startswith(b"HTTP/1.1 408") for client in first)
    wait_for(lambda: len(serving.channels()) == 10, "the last ten")
    assert serving.is_served()


def test_bodies_on_disk_have_a_limit(make):
    serving = make(MOST_BUFFERED=100_000)
    small = serving.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n", b"x" * 50_000)
    large = serving.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n", b"x" * 80_000)
    assert read(large).startswith(b"HTTP/1.1 408")
    small.sendall(b"x" * 10_000)
    small.shutdown(socket.SHUT_WR)
    assert read(small).endswith(b"read")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000, b"431"),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", b"413"),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
def test_what_is_too_large_or_no_request_is_refused_at_once(make, sent, status):
    assert read(make().connect(sent)).split()[1] == status


def test_a_chunked_body_is_whole_when_the_application_sees_it(make):
    seen = []

    def note(environ, start_response):
        seen.append((environ["CONTENT_LENGTH"], environ["wsgi.input"].read()))
        return fine(environ, start_response)

    head = b"PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    read(make(note).connect(head, b"2\r\n{}\r\n", b"0\r\n\r\n"))
    assert seen == [("2", b"{}")]


def test_headers_of_a_proxy_reach_the_application_and_those_with_underscores_do_not(make):
    seen = {}

    def note(environ, start_response):
        seen.update(environ)
        return fine(environ, start_response)

    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    proxy = b"X-Forwarded-Proto: https\r\nX_Forwarded_Proto: http\r\n"
    assert b"\r\nServer:" not in read(make(note).connect(head, proxy, b"\r\n"))
    assert seen["HTTP_X_FORWARDED_PROTO"] == "https"
