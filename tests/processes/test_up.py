"""kill -9 of what `up` runs, and of `up` itself."""

import os
import signal
import socket
import sys
import urllib.request

import pytest
from django.core.management import CommandError

from tests.harness import ROOT, Installation, Receiver, free_port, parent, postgres_database, wait_for
from tracsync.management.commands import up

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture
def running(tmp_path):
    receiver = Receiver()
    installation = Installation(tmp_path)
    try:
        installation.add_destination(receiver, quiet_period=0.5)
        process = installation.start_up([sys.executable, "manage.py", "up"], ROOT)
        yield installation, receiver, process
    finally:
        installation.stop()
        receiver.close()


def children_of(installation, process):
    """Web server, worker and notices, once all are there."""
    found = [pid for pid in installation.pids() if parent(pid) == process.pid]
    return found if len(found) == 3 else []


def test_what_is_killed_is_started_again(running):
    installation, receiver, process = running
    for killed in wait_for(lambda: children_of(installation, process), "web server, worker and notices"):
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda killed=killed: killed not in installation.pids(), "its end")
        wait_for(lambda: children_of(installation, process), "another one")
    wait_for(installation._answers, "the web server")
    installation.save_profiles([{"id": "p1", "stats": {"visits": 1}}])
    wait_for(receiver.last, "a push")


def test_when_up_is_killed_nothing_stays_behind(running):
    installation, _, process = running
    wait_for(lambda: children_of(installation, process), "web server, worker and notices")
    process.kill()
    process.wait()
    wait_for(lambda: not installation.pids(), "the end of all processes")


SLOW_HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
SLOW_BODY = b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nuser"


def is_healthy(installation):
    url = f"http://127.0.0.1:{installation.port}/healthz"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status == 200


def test_slow_clients_keep_neither_others_nor_the_end_waiting(running):
    installation, _, process = running
    slow = [socket.create_connection(("127.0.0.1", installation.port)) for _ in range(100)]
    try:
        for number, client in enumerate(slow):
            client.sendall(SLOW_HEAD if number % 2 else SLOW_BODY)
        assert all(is_healthy(installation) for _ in range(20))
        process.terminate()
        assert process.wait(60) == 0
    finally:
        for client in slow:
            client.close()


def test_several_web_processes_stand_in_for_each_other(tmp_path):
    installation = Installation(tmp_path, TRACSYNC_WEB_PROCESSES="2")
    try:
        installation.start_web()
        [web] = installation.processes

        def servers():
            """The one of notices, which was started last, is among them."""
            found = sorted(pid for pid in installation.pids() if pid != web.pid)
            return found if len(found) == 3 else []

        killed = wait_for(servers, "two of them, and that of notices")
        os.kill(killed[0], signal.SIGKILL)
        assert all(is_healthy(installation) for _ in range(10))
        wait_for(lambda: killed[0] not in (now := servers()) and now, "another one")
        web.terminate()
        assert web.wait(60) == 0
        assert installation.pids() == []
    finally:
        installation.stop()


def test_with_postgres_there_are_several_and_all_of_them_answer(tmp_path):
    """Unasked: it serves several processes, which SQLite with its one writer does not."""
    with postgres_database() as url:
        installation = Installation(tmp_path, DATABASE_URL=url)
        try:
            installation.start_web()
            [web] = installation.processes

            def servers():
                found = sorted(pid for pid in installation.pids() if pid != web.pid)
                return found[:-1] if len(found) >= 3 else []  # the last one is that of notices

            running = wait_for(servers, "at least two of them, and that of notices")
            for pid in running:
                others = [other for other in running if other != pid]
                for other in others:
                    os.kill(other, signal.SIGSTOP)
                try:
                    assert is_healthy(installation)
                finally:
                    for other in others:
                        os.kill(other, signal.SIGCONT)
        finally:
            installation.stop()


def test_the_receiver_of_the_demo_takes_the_next_port_that_is_free(tmp_path, monkeypatch):
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 1)):
        monkeypatch.setattr("tests.harness.free_port", lambda: port)
        installation = Installation(tmp_path)
        try:
            installation.start_up([sys.executable, "manage.py", "up", "--demo"], ROOT)
            code = "from destinations.models import Resource\nprint(Resource.objects.get().production['url'])"
            url = installation.python(code).strip()
            assert port + 1 < int(url.strip("/").rpartition(":")[2]) <= port + up.MOST_TRIED
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert b"pushes so far" in (text := answer.read()) or b"Nothing yet" in text
        finally:
            installation.stop()


def test_where_no_port_is_free_for_it_that_is_said(monkeypatch):
    monkeypatch.setattr(up, "MOST_TRIED", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"listens on all ports from {port} to {port}.*another --port"):
            up._free_after(port - 1)


def test_a_port_that_is_taken_later_is_told_once_and_waited_for(monkeypatch, capfd):
    monkeypatch.setattr(up, "TRIED_EVERY", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port, tries = taken.getsockname()[1], []

        def serve():
            tries.append(1)
            if len(tries) == 4:
                return
            socket.create_server(("127.0.0.1", port)).close()

        up._once_free(f"127.0.0.1:{port}", serve)
    said = capfd.readouterr().err
    assert len(tries) == 4
    assert said.count("\n") == 1
    assert f"Cannot listen on 127.0.0.1:{port} (Address already in use)" in said
    with pytest.raises(OSError, match="no port"):
        up._once_free("", lambda: (_ for _ in ()).throw(OSError("no port")))
