"""Every command that the documentation shows is run, in its order, in an installation of its own."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import PATIENCE, ROOT, Installation, migrated_sqlite

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
ASSIGNED = re.compile(r"^(?:export )?([A-Z_]+)=", re.MULTILINE)
ADDRESS = "127.0.0.1:8000"
MARKER = "=== variables ==="
ONLY_READ = ("manage.py prove", "manage.py bench scale")  # `tests/prove` and `tests/bench` do the same
RUNNING = re.compile(r"manage\.py up\b(?!.*--help)")


class Page:
    """Runs a page's commands in one shell-like environment: what a block exports, the next one has."""

    def __init__(self, directory):
        self.directory = directory
        self.installation = Installation(directory / "data")
        # What the page on configuration as files makes: to fill an empty database takes seconds.
        (directory / "real").mkdir()
        shutil.copy(migrated_sqlite(), directory / "real")
        self.variables = {}
        self.running = None

    def run(self, block):
        commands = self.adapted(block)
        if RUNNING.search(block):
            self.end_running()
            self.start(commands)
            return
        assigned = ASSIGNED.findall(block)
        show = "; ".join(f"printf '%s\\0' \"${name}\"" for name in assigned) or "true"
        script = f"set -euo pipefail\n{commands}\nprintf '{MARKER}'; {show}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.directory,
            env={**self.installation.environment, **self.variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        values = done.stdout.partition(MARKER)[2].split("\0")
        self.variables.update(zip(assigned, values, strict=False))

    def adapted(self, block):
        port = self.installation.port
        block = block.replace(".venv/bin/python manage.py", f"{sys.executable} {ROOT / 'manage.py'}")
        if any(command in block for command in ONLY_READ):
            block = f"{block.rstrip()} --help"  # what stands before it is looked at
        return block.replace(ADDRESS, f"127.0.0.1:{port}")

    def start(self, command):
        self.running = self.installation.start_up(shlex.split(command), self.directory)

    def end_running(self):
        if self.running is not None:
            self.running.send_signal(signal.SIGINT)
            assert self.running.wait(60) == 0
            self.running = None

    def close(self):
        try:
            self.end_running()
        finally:
            self.installation.stop()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work(page, tmp_path):
    blocks = BLOCK.findall(page.read_text())
    if not blocks:
        pytest.skip("the page shows no command")
    shown = Page(tmp_path)
    try:
        needs_web = any(ADDRESS in block for block in blocks)
        if needs_web and not any(RUNNING.search(block) for block in blocks):
            shown.installation.start_web()
        for block in blocks:
            shown.run(block)
    finally:
        shown.close()


def test_every_setting_is_documented():
    documented = set(re.findall(r"`([A-Z_]{5,})`", Path(ROOT / "docs/configuration.md").read_text()))
    used = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', Path(ROOT / "tracsync/settings.py").read_text()))
    assert used <= documented, used - documented


def test_links_between_pages_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        text = page.read_text()
        pictures = (
            re.findall(r' (?:src|srcset|href)="(?!https?:)([^"#]+)"', text) if page.parent == ROOT else []
        )
        for target in [*re.findall(r"\]\((?!https?:)([^)#]+)", text), *pictures]:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
