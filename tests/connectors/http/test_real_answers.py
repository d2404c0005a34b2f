"""What servers really send, byte by byte on a real connection: the status decides, whatever is around it."""

from __future__ import annotations

import encodings
import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable

import pytest

from destinations.connectors.addresses import Guard
from destinations.connectors.base import Accepted, Delivery, Rejected, Retry, Unknown
from destinations.connectors.http import client as http
from destinations.connectors.http.connector import HttpApi
from destinations.connectors.redaction import Redactor

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"


def raw(content: bytes, then: Callable | None = None) -> Callable:
    """An answer of these bytes; afterwards the connection is kept, or `then` is called with its handler."""

    def answer(handler) -> None:
        handler.wfile.write(content)
        if then is not None:
            then(handler)

    return answer


def hang_up(handler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def push(server, runtime, *payloads, **settings):
    deliveries = [Delivery(payload, f"7:{at}") for at, payload in enumerate(payloads or ({"a": 1},))]
    with HttpApi().open({"url": server.url}, {"timeout": 10, **settings}, runtime) as session:
        return session.push(deliveries)


def one(server, runtime, answer: bytes, then: Callable | None = None):
    """The outcome of a push with this answer, and of one after it."""
    server.answers.append(raw(answer, then))
    started = time.monotonic()
    first, second = push(server, runtime, {"n": 1}, {"n": 2})
    assert time.monotonic() - started < 9  # nothing was waited for that cannot come
    assert isinstance(second, Accepted)
    assert second.exchange.response.endswith("\n\nok")
    return first


# Interim answers


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 7\r\n\r\n",
        b"HTTP/1.1 199\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 300,
        b"HTTP/1.1 103 Early Hints\r\n" + b"Link: <a>\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
)
def test_interim_answers_are_read_over(server, loopback, interim: bytes) -> None:
    outcome = one(server, loopback, interim + b"HTTP/1.1 201 Created\r\n" + EMPTY)
    assert isinstance(outcome, Accepted)
    assert outcome.exchange.status == 201


def test_an_interim_answer_before_a_refusal_does_not_hide_it(server, loopback) -> None:
    outcome = one(
        server, loopback, b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 422 No\r\nContent-Length: 3\r\n\r\nbad"
    )
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "answered 422: bad"


def test_an_interim_answer_alone_is_no_answer(server, loopback) -> None:
    outcome = one(server, loopback, b"HTTP/1.1 102 Processing\r\n\r\n", hang_up)
    assert isinstance(outcome, Unknown)


def test_switching_protocols_is_a_refusal(server, loopback) -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    outcome = one(server, loopback, head)
    assert isinstance(outcome, Rejected)
    assert server.seen[0].client != server.seen[1].client  # what comes on this connection is no HTTP


def test_interim_answers_without_end_are_left_in_time(server, loopback) -> None:
    stop = threading.Event()

    def forever(handler) -> None:
        while not stop.is_set():
            handler.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)

    server.answers.append(raw(b"", forever))
    (outcome,) = push(server, loopback, timeout=0.3)
    stop.set()
    assert isinstance(outcome, Unknown)


# Headers


HEADS = {
    "hundred": b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(100)) + EMPTY,
    "thousands": b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(5000)) + b"Connection: close\r\n\r\n",
    "one of 70 KB": b"X-Big: " + b"x" * 70_000 + b"\r\n" + EMPTY,
    "many of 20 KB": (b"X-Big: " + b"x" * 20_000 + b"\r\n") * 20 + EMPTY,
    "folded": b"X: a\r\n" + b" " + b"b" * 70_000 + b"\r\n\tc\r\n" + EMPTY,
    "no header": b"this is no header\r\n" + EMPTY,
    "space before the colon": b"Content-Length : 0\r\n\r\n",
    "space after the value": b"Content-Length: 0  \r\n\r\n",
    "a carriage return alone": b"X: a\rb\r\n" + EMPTY,
    "a null": b"X: \0\r\n" + EMPTY,
    "lengths that agree": b"Content-Length: 0\r\nContent-Length: 0, 0\r\n\r\n",
    "newlines only": b"Content-Length: 0\n\n",
    "chunks named twice": b"Transfer-Encoding: chunked \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two codings": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize(("status", "kind"), [(b"200 OK", Accepted), (b"422 No", Rejected), (b"503", Retry)])
def test_headers_do_not_hide_the_status(server, loopback, head: bytes, status: bytes, kind: type) -> None:
    then = hang_up if b"close" in head else None
    outcome = one(server, loopback, b"HTTP/1.1 " + status + b"\r\n" + head, then)
    assert type(outcome) is kind
    assert outcome.exchange.status == int(status[:3])


BROKEN = {
    "no empty line": b"X: 1\r\n",
    "half a header": b"X-Ha",
    "no header": b"",
    "lengths that differ": b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "no length": b"Content-Length: soon\r\n\r\nab",
    "a negative length": b"Content-Length: -1\r\n\r\nab",
    "half a body": b"Content-Length: 100\r\n\r\nhalf",
    "half a chunk": b"Transfer-Encoding: chunked\r\n\r\n10\r\nhalf",
    "no chunk": b"Transfer-Encoding: chunked\r\n\r\nnone\r\n",
    "a negative chunk": b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
    "a chunk of minus one": b"Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n",
    "a long frame": b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 70_000 + b"\r\nhello\r\n0\r\n\r\n",
    "long trailers": b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("rest", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(("status", "kind"), [(b"200 OK", Accepted), (b"422 No", Rejected), (b"503", Retry)])
def test_what_breaks_after_the_status_does_not_hide_it(
    server, loopback, rest: bytes, status: bytes, kind: type
) -> None:
    outcome = one(server, loopback, b"HTTP/1.1 " + status + b"\r\n" + rest, hang_up)
    assert type(outcome) is kind


def test_an_answer_in_another_version_of_http_counts(server, loopback) -> None:
    outcome = one(server, loopback, b"HTTP/2.0 422 Unprocessable\r\nContent-Length: 3\r\n\r\nbad", hang_up)
    assert outcome.reason == "answered 422: bad"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 020 No\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"\r\n",
        b"x" * 200_000,
    ],
)
def test_without_a_status_it_is_unknown(server, loopback, answer: bytes) -> None:
    assert isinstance(one(server, loopback, answer, hang_up), Unknown)


def test_a_status_line_of_any_length_is_one(server, loopback) -> None:
    outcome = one(server, loopback, b"HTTP/1.1 422 " + b"no" * 50_000 + b"\r\n" + EMPTY)
    assert isinstance(outcome, Rejected)


@pytest.mark.parametrize(
    "endless",
    [b"X: 1\r\n", b"x" * 1000, b"Transfer-Encoding: chunked\r\n\r\n", b"Content-Length: 9999999999\r\n\r\n"],
)
def test_an_answer_without_end_is_read_to_a_bound(server, loopback, endless: bytes) -> None:
    """Without the bound, as much as comes in time would be held in memory."""
    taken = []

    def flood(handler) -> None:
        piece = b"-1\r\n" + b"x" * 100_000 if b"chunked" in endless else endless * (100_000 // len(endless))
        while True:
            taken.append(handler.connection.send(piece))

    server.answers.append(raw(OK + endless, flood))
    (outcome,) = push(server, loopback, timeout=5)
    assert isinstance(outcome, Accepted)
    assert sum(taken) < 20_000_000  # the system's buffers at both ends are within


def test_a_tunnels_answer_is_read_in_the_same_way(server, loopback) -> None:
    head = b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 Go on\r\n" + HEADS["hundred"].replace(EMPTY, b"\r\n")
    greetings = []

    def look(handler) -> None:
        greetings.append(handler.connection.recv(1))
        hang_up(handler)

    server.answers.append(raw(head, look))
    client = http.HttpClient(Guard(("127.0.0.1",)), Redactor(), timeout=1, proxy=server.url)
    with pytest.raises((http.NotSent, http.NoAnswer)):
        client.send(http.Request("GET", "https://target.example/", {}))
    client.close()
    assert greetings == [b"\x16"]  # TLS was begun, so the way through was understood as open


@pytest.mark.parametrize("words", ["connection failed", "it took too long"])
def test_tls_that_is_not_agreed_on_is_not_sent(words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                if words == "connection failed":  # a reset, not an end
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    done.wait(5)

        done = threading.Event()
        thread = threading.Thread(target=answer)
        thread.start()
        client = http.HttpClient(Guard(("127.0.0.1",)), Redactor(), timeout=0.2)
        with pytest.raises(http.NotSent, match=words):
            client.send(http.Request("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/", {}))
        done.set()
        thread.join()
        client.close()


def test_a_proxy_that_drips_is_left_in_time(server) -> None:
    stop = threading.Event()

    def drip(handler) -> None:
        while not stop.wait(0.02):
            handler.wfile.write(b"x")

    server.answers.append(raw(b"HTTP/1.1 200 ", drip))
    client = http.HttpClient(Guard(("127.0.0.1",)), Redactor(), timeout=0.3, proxy=server.url)
    with pytest.raises(http.NotSent, match="could not connect: it took too long"):
        client.send(http.Request("GET", "https://target.example/", {}))
    stop.set()
    client.close()


# What the body says


def body(content: bytes, **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join(["HTTP/1.1 422 No", *lines, f"Content-Length: {len(content)}", "", ""])
    return head.encode("latin-1") + content


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


SAID = "Straße 5 ist ungültig"
CODED = {
    "gzip": gzip.compress(SAID.encode()),
    "x-gzip": gzip.compress(SAID.encode()),
    "GZIP ": gzip.compress(SAID[:5].encode()) + gzip.compress(SAID[5:].encode()),
    "deflate": zlib.compress(SAID.encode()),
    "Deflate": raw_deflate(SAID.encode()),
    "gzip, gzip": gzip.compress(gzip.compress(SAID.encode())),
    "deflate, gzip": gzip.compress(zlib.compress(SAID.encode())),
    "identity": SAID.encode(),
    "identity,gzip": gzip.compress(SAID.encode()),
    "gzip ": SAID.encode(),  # it only says so
    " deflate": SAID.encode(),
}


@pytest.mark.parametrize(("coding", "content"), CODED.items(), ids=CODED)
def test_reasons_are_read_out_of_their_coding(server, loopback, coding: str, content: bytes) -> None:
    outcome = one(server, loopback, body(content, Content_Encoding=coding))
    assert outcome.reason == f"answered 422: {SAID}"
    assert outcome.exchange.response.endswith(f"\n\n{SAID}")


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip, gzip", "x" * 100, "ü"])
def test_a_coding_that_cannot_be_undone_is_named(server, loopback, coding: str) -> None:
    content = b"\x1b\x03\x00\xf8\x1d\xa9S\x9f\xbb\x80\xff\xe0" * 10
    for _ in range(coding.count("gzip")):
        content = gzip.compress(content)
    outcome = one(server, loopback, body(content, Content_Encoding=coding))
    assert outcome.reason.startswith("answered 422: what it says is encoded as ")
    assert outcome.reason.endswith(" and cannot be read")
    assert outcome.reason.isascii()
    assert len(outcome.reason) < 90
    assert outcome.exchange.response.endswith(" bytes]")


def test_what_is_broken_off_is_read_as_far_as_it_goes(server, loopback) -> None:
    content = gzip.compress((SAID + " " + "x" * 1000).encode())[:-8]
    outcome = one(server, loopback, body(content, Content_Encoding="gzip"))
    assert outcome.reason.startswith(f"answered 422: {SAID} xxx")


@pytest.mark.parametrize("layers", [1, 2])
def test_a_little_that_would_become_much_is_cut(server, loopback, layers: int) -> None:
    content = b"spam " * 20_000_000
    for _ in range(layers):
        content = gzip.compress(content, 6)
    content = content[: http.RESPONSE_LIMIT]
    server.answers.append(raw(body(content, Content_Encoding=", ".join(["gzip"] * layers))))
    client = http.HttpClient(Guard(("127.0.0.1",)), Redactor(), timeout=2)
    reply = client.send(http.Request("GET", server.url, {}))
    client.close()
    assert reply.body.startswith(b"spam spam")
    assert len(reply.body) <= http.RESPONSE_LIMIT
    assert not reply.complete


CHARSETS = {
    "text/plain; charset=utf-8": SAID.encode(),
    "text/plain;charset=ISO-8859-1": SAID.encode("latin-1"),
    'application/json; charset="windows-1252"': f"{SAID} €".encode("cp1252"),
    "text/plain; Charset=latin1": SAID.encode("latin-1"),
    "text/plain; charset=utf-16": SAID.encode("utf-16"),
    "text/plain; charset=utf-16le": SAID.encode("utf-16-le"),
    "text/plain; charset=koi8-r": "ошибка".encode("koi8-r"),
    "text/plain; charset=shift_jis": "エラー".encode("shift_jis"),
    "text/plain; charset=GBK": "错误".encode("gbk"),
    "text/plain": SAID.encode("latin-1"),
    "text/html": b"<meta charset=koi8-r><body>" + "ошибка".encode("koi8-r"),
    "text/xml": b'<?xml version="1.0" encoding="iso-8859-2"?>' + "Žofie".encode("iso-8859-2"),
    "application/json": "\ufeff".encode() + SAID.encode(),
    "": SAID.encode("utf-16"),
    "text/plain; charset=nonsense": SAID.encode(),
    "text/plain; charset=hex": SAID.encode(),
    "text/plain; charset=unicode_escape": SAID.encode(),
    "text/plain; charset=": SAID.encode(),
}
WORDS = ("ungültig", "ошибка", "エラー", "错误", "Žofie")


@pytest.mark.parametrize(("kind", "content"), CHARSETS.items(), ids=CHARSETS)
def test_reasons_are_read_in_their_character_set(server, loopback, kind: str, content: bytes) -> None:
    outcome = one(server, loopback, body(content, Content_Type=kind))
    assert any(word in outcome.reason for word in WORDS)
    assert "\ufffd" not in outcome.reason
    assert "\ufeff" not in outcome.reason
    assert any(word in outcome.exchange.response for word in WORDS)


def test_names_of_character_sets_are_not_kept(server, loopback) -> None:
    known = len(encodings._cache)
    for n in range(20):
        one(server, loopback, body(b"no", Content_Type=f"text/plain; charset=x-{n}"))
    assert len(encodings._cache) == known


@pytest.mark.parametrize("kind", ["image/png", "text/plain", "", "application/octet-stream; charset=latin-1"])
def test_what_is_no_text_is_not_shown_as_one(server, loopback, kind: str) -> None:
    content = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\x06" * 20
    outcome = one(server, loopback, body(content, Content_Type=kind))
    assert outcome.reason == "answered 422"
    assert outcome.exchange.response.endswith(f"\n\n[{len(content)} bytes]")


def test_json_is_read_in_any_coding_and_character_set(server) -> None:
    said = {"said": SAID}
    text = json.dumps(said, ensure_ascii=False)
    server.answers.append(raw(body(gzip.compress(text.encode()), Content_Encoding="gzip")))
    server.answers.append(raw(body(text.encode("latin-1"), Content_Type="application/json; charset=latin-1")))
    server.answers.append(raw(body(text.encode("utf-16"))))
    client = http.HttpClient(Guard(("127.0.0.1",)), Redactor(), timeout=2)
    assert [client.send(http.Request("GET", server.url, {})).json() for _ in range(3)] == [said] * 3
    client.close()


def test_personal_data_in_a_coding_is_masked_too(server, loopback) -> None:
    server.answers.append(raw(body(gzip.compress(b"ana@example.org is taken"), Content_Encoding="gzip")))
    (outcome,) = push(server, loopback, {"email": "ana@example.org"})
    assert outcome.reason == "answered 422: ******** is taken"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"message": "Too Many Attempts."}', "Too Many Attempts."),
        ('{"code": 20429, "message": "slow down", "errors": []}', "slow down"),
        ('{"error": {"type": "rate_limit", "message": "slow down"}}', "slow down"),
        ('{"error": "slow down", "retry_in": 3}', "slow down"),
        ('{"errors": [{"message": "slow"}]}', '{"errors": [{"message": "slow"}]}'),
        ('{"message": "bad", "errors": {"a": ["b"]}}', '{"message": "bad", "errors": {"a": ["b"]}}'),
        ('{"message": " ", "wait": 3}', '{"message": " ", "wait": 3}'),
        ('["slow down"]', '["slow down"]'),
        ("slow down", "slow down"),
    ],
)
@pytest.mark.parametrize("rules", [[], [{"when": {"status": [429]}, "is": "retry"}]])
def test_a_retry_says_the_message_of_an_answer_that_says_little_else(server, loopback, body, said, rules):
    server.answers.append((429, {"Content-Type": "application/json"}, body.encode()))
    with HttpApi().open({"url": server.url}, {"answers": rules}, loopback) as session:
        (outcome,) = session.push([Delivery({"email": "ana@x.example"}, "1:1")])
    assert outcome.reason == f"answered 429: {said}"


def test_a_message_that_repeats_the_payload_or_a_secret_is_masked(server, loopback):
    server.answers.append((503, {}, json.dumps({"message": 'no ana@x.example, s3cret"tok'}).encode()))
    with HttpApi().open({"url": server.url, "token": 's3cret"tok'}, {}, loopback) as session:
        (outcome,) = session.push([Delivery({"email": "ana@x.example"}, "1:1")])
    assert outcome.reason == "answered 503: no ********, ********"
