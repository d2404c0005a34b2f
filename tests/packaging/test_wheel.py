"""A wheel, built from the sdist, installed where only what it asks for is, and driven to a push."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib import metadata
from zipfile import ZipFile

import pytest
import requests
from packaging.requirements import Requirement

from tests.harness import PATIENCE, ROOT, free_port, wait_for

ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}  # and no settings of the tests


def python(*arguments):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "build", "--no-isolation", "--outdir", folder, ROOT)  # the sdist, and a wheel of it
    [path] = folder.glob("*.whl")
    return path


def test_the_checkout_makes_the_same_wheel_as_the_sdist(wheel, tmp_path):
    python("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ROOT)
    [other] = tmp_path.glob("*.whl")
    assert contents(other) == contents(wheel)


def contents(wheel):
    with ZipFile(wheel) as archive:
        return {file.filename: file.CRC for file in archive.infolist()}


def install(wheel, folder):
    """Into an environment of its own: its packages, and the program."""
    python("-m", "venv", "--without-pip", folder)
    program = folder / "bin" / "python"
    python("-m", "pip", "--python", program, "install", "--no-deps", "--no-index", wheel)
    [packages] = folder.glob("lib/python*/site-packages")
    link_dependencies(packages)
    return [packages / name for name in ("tracsync", "destinations", "profiles")], folder / "bin" / "tracsync"


def link_dependencies(packages):
    """What the wheel asks for, and no more, out of the environment of the tests."""
    [installed] = packages.glob("tracsync-*.dist-info")
    todo, seen = [(metadata.Distribution.at(installed), ("",))], set()
    while todo:
        distribution, extras = todo.pop()
        for requirement in map(Requirement, distribution.requires or ()):
            marker = requirement.marker
            applies = marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
            if str(requirement) in seen or not applies:
                continue
            seen.add(str(requirement))
            needed = metadata.distribution(requirement.name)
            todo.append((needed, ("", *requirement.extras)))
            for name in {file.parts[0] for file in needed.files} - {"..", "__pycache__"}:
                with suppress(FileExistsError):
                    (packages / name).symlink_to(needed.locate_file(name))


@contextmanager
def running(command, log, **options):
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **options)
    try:
        yield process
    except BaseException:
        sys.stdout.write(log.read_text())
        raise
    finally:
        process.kill()  # which ends what it has started
        process.wait()


def page(url):
    with suppress(requests.ConnectionError):
        return requests.get(url, timeout=10).text
    return ""


def signed_in(base, password):
    session = requests.Session()
    form = session.get(f"{base}/admin/login/", timeout=30).text
    [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    fields = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
    assert session.post(f"{base}/admin/login/?next=/admin/", fields, timeout=30).url == f"{base}/admin/"
    return session


def files(folders):
    return {(path, path.stat().st_mtime_ns) for folder in folders for path in folder.rglob("*")}


def test_an_installed_wheel_runs(wheel, tmp_path):
    packages, program = install(wheel, tmp_path / "environment")
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (work / "profiles.py").write_text("raise ImportError('of the folder it is started in')")
    before = files([*packages, work])
    port, log = free_port(), tmp_path / "log"
    base, receiver = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}/"
    command = [program, "up", "--demo", "--port", str(port)]
    with running(command, log, cwd=work, env={**ENVIRONMENT, "HOME": str(home)}) as up:
        wait_for(lambda: "pushes so far" in page(receiver), "a push")
        wait_for(lambda: page(f"{base}/healthz"), "the web server")
        session = signed_in(base, re.search(r"with the password (\S+)", log.read_text())[1])
        assert "Demo receiver" in session.get(f"{base}/admin/", timeout=30).text
        style = session.get(f"{base}/static/tracsync/admin.css", timeout=30)
        assert style.headers["Content-Type"].startswith("text/css")
        assert style.text == (ROOT / "tracsync/static/tracsync/admin.css").read_text()
        german = {"Accept-Language": "de"}
        help_page = session.get(f"{base}/admin/docs/concepts/", headers=german, timeout=30).text
        assert "/static/tracsync/admin.css" in help_page
        assert "<h1" in help_page.partition("<article")[2]
        assert "<title>Begriffe" in help_page
        english = session.get(f"{base}/admin/docs/concepts/", headers={"Accept-Language": "en"}, timeout=30)
        assert "<title>Concepts" in english.text
        assert "tracsync create_token" in page(f"{base}/api/")
        up.send_signal(signal.SIGINT)
        assert up.wait(PATIENCE) == 0
    assert "Stopped." in log.read_text()
    assert not files([*packages, work]) ^ before
    kept = {path.name for path in (home / ".local/share/tracsync").iterdir()}
    assert kept == {"tracsync.sqlite3", "secret_key", "encryption_key"}
