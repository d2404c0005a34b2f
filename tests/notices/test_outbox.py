"""The queue: what hangs or refuses holds up nobody else, and nothing is sent twice or lost."""

import json
import socket
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from tests.harness import free_port, wait_for
from tests.notices.conftest import SECRET
from tracsync.environment import Environment
from tracsync.models import Incident, Notice, NoticeChannel
from tracsync.notices import channels, incidents, loop, outbox, smtp, words
from tracsync.notices.outbox import GIVEN_UP_AFTER, LEASE, Outbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(frozen):
    """Queue the notice of an incident: queue()."""

    def add(key="broken:1"):
        incident = Incident.objects.create(
            key=key, event="broken", sentences={"en": "it hangs", "de": "es hängt"}, opened_at=frozen.now
        )
        incidents.tell(incident, frozen.now)
        return incident

    return add


def channel(name, url, kind="webhook"):
    secrets = {"url": url, "signing_secret": SECRET}
    return NoticeChannel.objects.create(name=name, kind=kind, secrets=secrets)


def test_a_receiver_that_hangs_holds_up_no_other(queue, webhook, receiver, mailbox, frozen):
    receiver.let_go.clear()
    NoticeChannel.objects.create(name="mail", kind="email", recipients=["ops@example.org"])
    queue()
    sending = Outbox()
    assert sending.begin(frozen.now) == 2
    wait_for(lambda: sending.collect(0.1) and mailbox.messages, "the mail")
    assert sending.is_busy
    queue("broken:2")
    assert sending.begin(frozen.now) == 1, "the channel that hangs has one try at a time"
    wait_for(lambda: sending.collect(0.1) and len(mailbox.messages) == 2, "the second mail")
    receiver.let_go.set()
    wait_for(lambda: sending.collect(0.1), "the answer of the webhook")
    assert Notice.objects.filter(channel=webhook, state="sent").count() == 1


def test_a_mail_server_that_says_nothing(queue, settings, receiver, frozen):
    """It takes connections, and never greets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_BACKEND = "tracsync.notices.smtp.LimitedBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        settings.EMAIL_TIMEOUT = 0.2
        mail = NoticeChannel.objects.create(name="mail", kind="email", recipients=["ops@example.org"])
        channel("on call", receiver.url)
        queue()
        Outbox().drain(20)
    assert len(receiver.received) == 1
    mail.refresh_from_db()
    assert mail.problem == "the mail server did not answer in time"
    assert Notice.objects.get(channel=mail).next_at == frozen.now + timedelta(seconds=30)


def test_a_mail_server_that_answers_in_drops(queue, settings, monkeypatch):
    """Each drop comes in time, and the greeting has no end: it is left, and its channel is free again."""
    left = threading.Event()

    def drip(server):
        with suppress(OSError):
            peer, _address = server.accept()
            with peer:
                while not left.wait(0.05):
                    peer.send(b"2")

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("EMAIL_URL", "smtp://localhost:25")
        settings.EMAIL_BACKEND = Environment().email("EMAIL_URL")["BACKEND"]
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        monkeypatch.setattr(smtp, "SECONDS", 0.3)
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        mail = NoticeChannel.objects.create(name="mail", kind="email", recipients=["ops@example.org"])
        queue()
        sending = Outbox()
        sending.drain(20)
        left.set()
    mail.refresh_from_db()
    assert mail.problem == "the mail server did not answer in time"
    assert not sending._tries


def test_a_try_that_never_ends_is_given_up_and_counts_if_it_ends_well(
    queue, webhook, receiver, monkeypatch, frozen
):
    monkeypatch.setattr(outbox, "DEADLINE", -1.0)
    receiver.let_go.clear()
    queue()
    sending = Outbox()
    sending.begin(frozen.now)
    assert sending.collect() == 1
    found = Notice.objects.get()
    assert (found.problem, found.state) == ("it took too long", "waiting")
    assert not sending.is_busy
    frozen.forward(60)
    assert sending.begin(frozen.now) == 0, "its thread still has the channel"
    receiver.let_go.set()
    wait_for(lambda: sending.collect(0.1), "the late answer")
    found.refresh_from_db()
    assert (found.state, len(receiver.received)) == ("sent", 1)


@pytest.mark.parametrize(
    ("status", "said"),
    [(500, "answered 500"), (404, "answered 404"), (401, "answered 401: it refused the credentials")],
)
def test_what_is_refused_is_tried_again_and_given_up_after_a_day(
    queue, webhook, receiver, frozen, status, said
):
    receiver.status = status
    queue()
    sending = Outbox()
    began = frozen.now
    waits = []
    while (notice := Notice.objects.get()).next_at is not None:
        assert notice.next_at <= began + GIVEN_UP_AFTER
        frozen.forward((notice.next_at - frozen.now).total_seconds())
        before = frozen.now
        sending.drain(20)
        after = Notice.objects.get().next_at
        waits += [(after - before).total_seconds()] if after else []
    assert waits[:7] == [30, 60, 120, 240, 480, 960, 1920]
    assert (notice.state, notice.problem) == ("dropped", said)
    webhook.refresh_from_db()
    assert webhook.problem == said
    numbers = {headers["webhook-id"] for _path, headers, _body in receiver.received}
    assert len(numbers) == 1, "every try has the same number"


def test_a_process_that_dies_while_it_sends_is_followed_by_another(queue, webhook, receiver, frozen):
    queue()
    died = Outbox()
    died._start = lambda notice: None
    assert died.begin(frozen.now) == 1
    living = Outbox()
    assert living.begin(frozen.now) == 0
    frozen.forward(LEASE.total_seconds())
    living.drain(20)
    assert len(receiver.received) == 1
    assert Notice.objects.get().state == "sent"


def test_whoever_slept_through_the_lease_does_not_take_it_from_the_next(queue, webhook, receiver, frozen):
    queue()
    asleep, awake = Outbox(), Outbox()
    asleep._start = awake._start = lambda notice: None
    asleep.begin(frozen.now)
    slept_on = Notice.objects.get()
    frozen.forward(LEASE.total_seconds())
    awake.begin(frozen.now)
    outbox._record(slept_on, "it took too long")
    assert Notice.objects.get().next_at == frozen.now + LEASE


@pytest.mark.parametrize("ahead", [LEASE, timedelta(days=400)])
def test_what_a_clock_that_was_ahead_has_queued(queue, webhook, receiver, frozen, ahead):
    """It is not held back for a year; a lease and the longest pause between two tries are no such future."""
    queue()
    Notice.objects.update(next_at=frozen.now + ahead)
    Outbox().drain(20)
    assert len(receiver.received) == (1 if ahead > timedelta(days=1) else 0)


def test_two_processes_send_one_notice_once(queue, webhook, receiver, frozen):
    queue()
    one, other = Outbox(), Outbox()
    assert one.begin(frozen.now) + other.begin(frozen.now) == 1
    one.drain(20)
    other.drain(20)
    assert len(receiver.received) == 1


def test_an_address_inside_is_refused(queue, settings, receiver):
    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = []
    made = channel("inside", receiver.url)
    queue()
    Outbox().drain(20)
    made.refresh_from_db()
    assert "is an internal address and was not contacted" in made.problem
    assert receiver.received == []


def test_nothing_listens(queue, frozen):
    made = channel("gone", f"http://127.0.0.1:{free_port()}/s3cr3t-path")
    queue()
    Outbox().drain(20)
    made.refresh_from_db()
    assert made.problem == "could not connect: connection refused"
    assert "s3cr3t" not in json.dumps(list(Notice.objects.values("problem", "content")))


@pytest.mark.parametrize(
    ("answer", "said"), [("550 no such user", "the mail server answered 550"), ("451 later", "451")]
)
def test_a_mail_server_that_refuses(queue, mailbox, answer, said):
    mailbox.answer = answer
    mail = NoticeChannel.objects.create(name="mail", kind="email", recipients=["ops@example.org"])
    queue()
    Outbox().drain(20)
    mail.refresh_from_db()
    assert said in mail.problem
    assert "ops@" not in mail.problem


def lose_the_key(channel):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tracsync_noticechannel SET secrets = 'nonsense' WHERE id = %s", [channel.pk])


def test_an_unreadable_secret_holds_up_no_other(queue, webhook, receiver):
    broken = channel("unreadable", receiver.url)
    lose_the_key(broken)
    queue()
    Outbox().drain(20)
    assert len(receiver.received) == 1
    assert "cannot be decrypted" in Notice.objects.get(channel=broken).problem
    with pytest.raises(CommandError, match="sent to unreadable: a stored secret cannot be decrypted"):
        call_command("notices", test="unreadable")


def test_an_e_mail_needs_no_key(queue, mailbox, person, client):
    """Whoever lost the key is told so, too."""
    lose_the_key(channels.personal(person))
    queue()
    Outbox().drain(20)
    assert [to for to, _text in mailbox.messages] == [["ada@example.org"]]
    client.force_login(person)
    url = reverse("admin:your_notices")
    assert client.post(url, {"enabled": "on", "events": ["stalled"]}).status_code == 302
    assert "ada@example.org" in client.get(url).content.decode()
    assert channels.personal(person).events == ["stalled"]


class TestFormats:
    def test_slack_reads_nothing_of_it_as_markup(self, queue, receiver, bodies):
        channel("slack", receiver.url, "slack")
        Incident.objects.create(
            key="x",
            event="broken",
            opened_at="2026-03-01T12:00:00Z",
            sentences={"en": "answered 400: <!channel> <https://evil.example|click>"},
        )
        incidents.tell(Incident.objects.get(key="x"), Incident.objects.get(key="x").opened_at)
        Outbox().drain(20)
        [sent] = bodies()
        kinds = {block["text"]["type"] for block in sent["blocks"] if "<!channel>" in block["text"]["text"]}
        assert kinds == {"plain_text"}
        assert sent["blocks"][-1]["text"]["text"] == "<http://localhost:8000/admin/>"
        assert "<" not in sent["text"]

    def test_teams_gets_a_card(self, queue, receiver, bodies):
        channel("teams", receiver.url, "teams")
        queue()
        Outbox().drain(20)
        [sent] = bodies()
        [attachment] = sent["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        texts = [one["inlines"][0]["text"] for one in attachment["content"]["body"]]
        assert "it hangs" in texts
        assert attachment["content"]["actions"][0]["url"] == "http://localhost:8000/admin/"

    def test_an_e_mail_says_that_a_program_sent_it(self, queue, mailbox):
        NoticeChannel.objects.create(name="mail", kind="email", recipients=["a@x.org", "b@x.org"])
        queue()
        Outbox().drain(20)
        [(to, text)] = mailbox.messages
        assert to == ["a@x.org", "b@x.org"]
        assert "Auto-Submitted: auto-generated" in text
        assert f"Message-ID: <{Notice.objects.get().number}@localhost>" in text


def test_a_name_over_several_lines_makes_no_header(queue, mailbox, make_destination, frozen):
    NoticeChannel.objects.create(name="mail", kind="email", recipients=["a@x.org"])
    destination = make_destination("Newsletter\r\nBcc: evil@example.org")
    incident = Incident.objects.create(
        key="x", event="broken", destination=destination, opened_at=frozen.now, sentences={"en": "x"}
    )
    incidents.tell(incident, frozen.now)
    Outbox().drain(20)
    [(to, text)] = mailbox.messages
    assert to == ["a@x.org"]
    assert "\r\nBcc:" not in text.partition("\r\n\r\n")[0]


def test_the_content_is_made_once_for_each_language(queue, monkeypatch):
    made = []
    content = words.content
    monkeypatch.setattr(words, "content", lambda *args: made.append(args) or content(*args))
    for n in range(4):
        secrets = {"url": "https://x.example/", "signing_secret": SECRET}
        NoticeChannel.objects.create(
            name=str(n), kind="webhook", secrets=secrets, language=["en", "de"][n % 2]
        )
    queue()
    assert len(made) == 2
    sentences = {notice.channel.name: notice.content["sentence"] for notice in Notice.objects.all()}
    assert sentences == {"0": "it hangs", "1": "es hängt", "2": "it hangs", "3": "es hängt"}


def test_the_queue_is_sent_also_where_looking_fails(queue, webhook, receiver, monkeypatch):
    queue()
    sending = Outbox()
    monkeypatch.setattr(loop.watch, "look", lambda now: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loop.look(sending)
    assert sending.is_busy
    sending.drain(20)
    assert len(receiver.received) == 1


def test_the_loop_looks_sends_and_ends(webhook, receiver, make_destination, monkeypatch, frozen):
    """As a process of its own does it, until it is told to stop."""
    from destinations.models import Health, Heartbeat

    destination = make_destination("Newsletter")
    since = frozen.now - timedelta(minutes=2)
    Health.objects.filter(pk=destination.pk).update(failures=9, held_since=since, hold_reason="answered 503")
    Heartbeat.objects.create(name="here:1", at=frozen.now)
    monkeypatch.setattr(loop, "PAUSE", 0.01)
    monkeypatch.setattr(loop, "close_old_connections", lambda: None)  # the test's transaction is in it
    rounds = iter(range(2000))
    loop.run(lambda: next(rounds, None) is None or bool(Notice.objects.filter(state="sent")))
    assert len(receiver.received) == 1
    assert threading.active_count() < 50
