"""The shared HTTP helper against a real server on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from destinations.connectors.addresses import SETTING, Guard
from destinations.connectors.base import Accepted, ConfigurationError, Hold, Rejected, Retry, Stop
from destinations.connectors.http import client as http
from destinations.connectors.http import rate_limits, replies
from destinations.connectors.http.client import HttpClient, NoAnswer, NotSent, Request
from destinations.connectors.http.wire.request_headers import checked_headers
from destinations.connectors.redaction import MASK, REASON_LIMIT, Redactor
from tests.cases import for_each

ALLOWED = Guard(("127.0.0.0/8",))


@pytest.fixture
def client():
    made = HttpClient(ALLOWED, Redactor(["s3cret-token"]), timeout=2)
    yield made
    made.close()


def get(url: str) -> Request:
    return Request("GET", url, {})


def test_an_answer_in_full(client, server) -> None:
    server.answers.append((201, {"X-Thing": "1"}, b'{"a": 1}'))
    reply = client.send(Request("POST", f"{server.url}/p", {"X-A": "1"}, b"body"))
    assert (reply.status, reply.json(), reply.complete, reply.headers["x-thing"]) == (
        201,
        {"a": 1},
        True,
        "1",
    )
    assert (server.seen[0].body, server.seen[0].headers["User-Agent"]) == (b"body", "tracsync")


def test_one_connection_is_kept_and_no_cookies(client, server) -> None:
    server.answers.append((200, {"Set-Cookie": "session=1"}, b""))
    for _ in range(3):
        client.send(get(server.url))
    assert len({seen.client for seen in server.seen}) == 1
    assert all("Cookie" not in seen.headers for seen in server.seen)


def test_a_pool_that_was_closed_meanwhile_is_found_again(client, server) -> None:
    assert client.send(get(server.url)).status == 200
    client._adapter.poolmanager.clear()  # as urllib3 does to make room for other hosts
    assert client.send(get(server.url)).status == 200


def test_the_environment_is_not_read(server, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    client = HttpClient(ALLOWED, Redactor(), timeout=5)
    assert client.send(get(server.url)).status == 200
    assert "Authorization" not in server.seen[0].headers
    client.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::ffff:127.0.0.1]"]
)
def test_an_internal_address_is_not_contacted(server, host: str) -> None:
    client = HttpClient(Guard(), Redactor(), timeout=5)
    with pytest.raises(ConfigurationError, match=SETTING):
        client.send(get(f"http://{host}:{server.port}/"))
    assert server.seen == []
    client.close()


def test_an_allowed_name_is_contacted_under_its_name(server) -> None:
    client = HttpClient(Guard(("localhost",)), Redactor(), timeout=5)
    assert client.send(get(f"http://localhost:{server.port}/")).status == 200
    assert server.seen[0].headers["Host"] == f"localhost:{server.port}"
    client.close()


def test_a_name_is_resolved_once_and_that_address_used(server, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: a second look-up would be told the internal address."""
    asked = []
    real = socket.getaddrinfo

    def rebinding(host, port, *args, **kwargs):
        if host != "rebind.example":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    client = HttpClient(Guard(("127.0.0.1",)), Redactor(), timeout=5)
    assert client.send(get(f"http://rebind.example:{server.port}/")).status == 200
    assert asked == ["rebind.example"]
    client.close()


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://other.example/v2/in", "https://other.example/v2/in"),
        ("http://other.example:8080/x?secret=1", f"http://other.example:8080/x?{MASK}"),
        ("http://bob:secret@other.example/x#secret", "http://other.example/x"),
        ("//secret@other.example/x", "//other.example/x"),
        ("/v2/in?secret", f"/v2/in?{MASK}"),
        ("?secret", f"?{MASK}"),
        ("/of/ana@example.org/KEY-123", f"/of/{MASK}/{MASK}"),
        ("bob:secret@other.example/x", "an unreadable address"),
        ("https:\\\\bob:secret@other.example", "an unreadable address"),
        ("http://[secret", "an unreadable address"),
    ],
)
def test_a_redirect_is_not_followed_and_says_where_to(client, server, location: str, said: str) -> None:
    server.answers.append((302, {"Location": location}, b""))
    outcome = replies.outcome(client.send(get(server.url)), Redactor(["KEY-123"]), {"a": "ana@example.org"})
    assert isinstance(outcome, Rejected)
    assert outcome.reason == (
        f"answered 302, a redirect to {said}; redirects are not followed, change the url"
    )
    assert len(server.seen) == 1


def test_a_long_redirect_leaves_room_for_what_to_do(client, server) -> None:
    server.answers.append((308, {"Location": "https://other.example/" + "x" * 2000}, b""))
    reason = replies.reason(client.send(get(server.url)), Redactor())
    assert reason.startswith("answered 308, a redirect to https://other.example/xxx")
    assert reason.endswith("change the url")
    assert len(reason) == REASON_LIMIT


def test_a_redirect_without_an_address_is_an_answer_like_others(client, server) -> None:
    server.answers.append((300, {}, b"choose"))
    assert replies.reason(client.send(get(server.url)), Redactor()) == "answered 300: choose"


def test_a_redirect_inside_is_not_followed_either(server) -> None:
    client = HttpClient(Guard(("localhost",)), Redactor(), timeout=5)
    server.answers.append((301, {"Location": f"http://127.0.0.1:{server.port}/"}, b""))
    assert client.send(get(f"http://localhost:{server.port}/")).status == 301
    assert len(server.seen) == 1
    client.close()


def test_nothing_listening_is_not_sent(client) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NotSent, match="could not connect: connection refused"):
        client.send(get(f"http://127.0.0.1:{port}/"))


def test_an_unknown_name_is_not_sent(client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "no")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotSent, match="cannot be resolved"):
        client.send(get("http://nowhere.example/"))


def test_silence_is_no_answer(client, server) -> None:
    done = threading.Event()
    server.answers.append(lambda handler: done.wait(5))
    with pytest.raises(NoAnswer, match="no answer in time") as caught:
        client.send(Request("POST", f"{server.url}/p", {"Authorization": "Bearer s3cret-token"}, b"body"))
    done.set()
    assert caught.value.exchange.request.startswith("POST ")
    assert "s3cret" not in caught.value.exchange.request


def test_a_lost_connection_is_no_answer(client, server) -> None:
    server.answers.append(lambda handler: handler.connection.close())
    server.answers[0] = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    with pytest.raises(NoAnswer, match="lost"):
        client.send(get(server.url))


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_dripping_server_is_left_in_time(server, start: bytes) -> None:
    stop = threading.Event()

    def drip(handler) -> None:
        handler.wfile.write(start)
        while not stop.wait(0.02):
            handler.wfile.write(b"x")

    server.answers.append(drip)
    client = HttpClient(ALLOWED, Redactor(), timeout=1)
    reply = client.send(get(server.url))
    assert (reply.status, reply.complete) == (200, False)
    stop.set()
    client.close()


def test_nothing_is_logged_about_urls(client, server, caplog: pytest.LogCaptureFixture) -> None:
    server.answers.append(
        lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nbad header\r\nContent-Length: 0\r\n\r\n")
    )
    with caplog.at_level("DEBUG"):
        client.send(get(f"{server.url}/?key=marker"))
        client.send(get(f"{server.url}/?key=marker"))
    assert "marker" not in caplog.text


def test_a_long_answer_is_cut(client, server) -> None:
    server.answers.append((500, {}, b"x" * 300_000))
    reply = client.send(get(server.url))
    assert (len(reply.body), reply.complete) == (http.RESPONSE_LIMIT, False)
    assert len(reply.exchange.response) <= 8192


def test_an_answer_that_breaks_off_still_has_its_status(client, server) -> None:
    server.answers.append(
        lambda handler: (
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
            handler.connection.shutdown(socket.SHUT_RDWR),
        )
    )
    reply = client.send(get(server.url))
    assert (reply.status, reply.complete) == (200, False)


def test_garbage_is_no_answer(client, server) -> None:
    server.answers.append(lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n"))
    with pytest.raises(NoAnswer):
        client.send(get(server.url))


def test_tls_to_a_plain_server_is_not_sent(client, server) -> None:
    with pytest.raises((NotSent, NoAnswer)):
        client.send(get(f"https://127.0.0.1:{server.port}/"))
    assert server.seen == []


class TlsServer:
    """Answers one byte string on TLS with a certificate nobody knows; remembers the asked server name."""

    def __init__(self, certificate: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda sock, name, _context: self.names.append(name)
        self.names: list[str | None] = []
        self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                connection.close()
            except ssl.SSLError:
                continue
            except OSError:
                return


@pytest.fixture
def tls(tmp_path):
    made = TlsServer(certificate(tmp_path))
    yield made
    made.listener.close()


def certificate(folder) -> str:
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)


def test_a_certificate_that_cannot_be_verified_is_not_sent(tls) -> None:
    client = HttpClient(Guard(("localhost",)), Redactor(), timeout=2)
    with pytest.raises(NotSent, match="certificate could not be verified"):
        client.send(get(f"https://localhost:{tls.port}/"))
    assert tls.names == ["localhost"]
    client.close()


def test_verification_uses_the_host_name_not_the_address(tls, tmp_path) -> None:
    trusting = HttpClient(Guard(("127.0.0.0/8",)), Redactor(), timeout=2)
    trusting._verify = str(tmp_path / "server.pem")
    assert trusting.send(get(f"https://localhost:{tls.port}/")).status == 200
    with pytest.raises(NotSent, match="certificate"):
        trusting.send(get(f"https://127.0.0.1:{tls.port}/"))
    trusting.close()


def test_verification_can_be_turned_off(tls) -> None:
    client = HttpClient(Guard(("localhost",)), Redactor(), timeout=2, verify=False)
    assert client.send(get(f"https://localhost:{tls.port}/")).status == 200
    client.close()


def through(server, guard: Guard = ALLOWED, userinfo: str = "") -> HttpClient:
    return HttpClient(guard, Redactor(), timeout=5, proxy=f"http://{userinfo}127.0.0.1:{server.port}")


def test_a_proxy_is_asked_for_the_whole_url(server) -> None:
    client = through(server, userinfo="user:pass@")
    assert client.send(get("http://target.example/p")).status == 200
    assert server.seen[0].path == "http://target.example/p"
    assert server.seen[0].headers["Proxy-Authorization"].startswith("Basic ")
    client.close()


def test_an_internal_proxy_is_refused(server) -> None:
    client = through(server, Guard())
    with pytest.raises(ConfigurationError, match=SETTING):
        client.send(get("http://target.example/p"))
    assert server.seen == []
    client.close()


@pytest.mark.parametrize("host", ["169.254.169.254", "localhost", "[::1]", "2852039166"])
def test_a_proxy_is_not_asked_for_internal_targets(server, host: str) -> None:
    client = through(server)
    with pytest.raises(ConfigurationError, match=SETTING):
        HttpClient.send(through(server, Guard(("127.0.0.1",))), get(f"http://{host}/p"))
    assert server.seen == []
    client.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_its_credentials(server, scheme: str) -> None:
    server.answers.append((407, {}, b""))
    client = through(server)
    try:
        said = replies.outcome(client.send(get(f"{scheme}://target.example/p")), Redactor())
    except ConfigurationError as error:  # no tunnel was made
        said = Hold(str(error))
    assert isinstance(said, Hold)
    assert "proxy refused" in said.reason
    client.close()


def test_a_number_in_an_address_is_no_status_of_a_proxy(server) -> None:
    server.answers.append((502, {}, b""))
    client = through(server)
    with pytest.raises(NotSent, match="did not reach the destination"):
        client.send(get("https://target.example:4070/p"))
    client.close()


def test_a_proxy_that_cannot_reach_the_destination(server) -> None:
    server.answers.append((502, {}, b""))
    client = through(server)
    with pytest.raises(NotSent, match="proxy"):
        client.send(get("https://target.example/p"))
    client.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Accepted),
        (201, Accepted),
        (204, Accepted),
        (304, Rejected),
        (400, Rejected),
        (401, Hold),
        (403, Hold),
        (407, Hold),
        (404, Rejected),
        (409, Rejected),
        (410, Stop),
        (422, Rejected),
        (408, Retry),
        (423, Retry),
        (425, Retry),
        (429, Retry),
        (500, Retry),
        (501, Retry),
        (502, Retry),
        (503, Retry),
        (504, Retry),
        (599, Retry),
    ],
)
def test_what_a_status_means(client, server, status: int, kind: type) -> None:
    server.answers.append((status, {}, b""))
    outcome = replies.outcome(client.send(get(server.url)), Redactor())
    assert type(outcome) is kind
    assert outcome.exchange is not None
    assert outcome.exchange.status == status


@for_each(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("999999999999999999999", 86400),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("٣", None),
        ("Wed, 99 Xyz 2020", None),
    ],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert rate_limits.retry_after({"Retry-After": value}) == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(90, 90), (-90, None), (9 * 86400, 86400)])
def test_retry_after_as_a_date(ahead: int, seconds: float | None) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    value = format_datetime(now + timedelta(seconds=ahead), usegmt=True)
    assert rate_limits.retry_after({"Retry-After": value}, now.timestamp()) == seconds


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "a\r\nB: c"},
        {"X-A": "a\nb"},
        {"X-A": "\x00"},
        {"X-A": "€"},
        {"X A": "1"},
        {"": "1"},
        {"X:": "1"},
    ],
)
def test_headers_that_cannot_be_sent_are_refused(headers) -> None:
    with pytest.raises(ConfigurationError, match="header") as caught:
        checked_headers(headers)
    assert "\n" not in str(caught.value)


def test_later_headers_win_whatever_their_case() -> None:
    assert dict(checked_headers({"X-A": "1"}, {"x-a": " ü "})) == {"x-a": "ü"}


def test_an_unusable_url_is_a_configuration_error(client) -> None:
    with pytest.raises(ConfigurationError, match="not a valid web address"):
        client.send(get("http://exa mple/"))
