"""Clients that are generated from the description do the quick start, and know errors by their type."""

import importlib
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator

from tests.api.conftest import client_with
from tests.harness import PATIENCE, Installation

PROGRAMS = Path(__file__).parent / "clients"
PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.14.1", "typescript@5.9.3")
NO_REGISTRY = (
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ENOTCACHED",
    "ECONNRESET",
    "network",
    "E403",
    "E404",
)


def run(*command, folder):
    options = {"cwd": folder, "capture_output": True, "text": True, "timeout": PATIENCE}
    done = subprocess.run([*map(str, command)], **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def description(tmp_path_factory):
    path = tmp_path_factory.mktemp("description") / "schema.json"
    path.write_text(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    return path


@pytest.fixture
def generated(tmp_path, description):
    (tmp_path / "config.yml").write_text("post_hooks: []")
    made = ("--output-path", tmp_path / "tracsync_client", "--config", tmp_path / "config.yml")
    command = (sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none")
    run(*command, "--path", description, *made, folder=tmp_path)
    shutil.copy(PROGRAMS / "quickstart.py", tmp_path)
    return tmp_path


@pytest.mark.django_db
def test_python(generated, monkeypatch, connection_stays):
    monkeypatch.syspath_prepend(generated)
    client = importlib.import_module("tracsync_client").AuthenticatedClient(
        base_url="http://localhost",
        token=client_with()._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer "),
        httpx_args={"transport": httpx.WSGITransport(get_wsgi_application())},
    )
    importlib.import_module("quickstart").run(client)


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed: it is in the extra dev")
def test_python_is_type_checked(generated):
    config = ("--config-file", "", "--follow-imports", "silent", "--cache-dir", generated / "cache")
    run(sys.executable, "-m", "mypy", *config, "quickstart.py", folder=generated)


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_typescript(tmp_path, description):
    """What it needs is fetched, and without a registry that is what cannot be done anywhere."""
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}')
    install = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--no-save", *PACKAGES]
    got = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    if got.returncode and any(word in got.stderr for word in NO_REGISTRY):
        pytest.skip("the packages cannot be fetched: there is no registry of npm")
    assert got.returncode == 0, got.stderr
    tools = tmp_path / "node_modules" / ".bin"
    run(tools / "openapi-typescript", description, "-o", "api.d.ts", folder=tmp_path)
    shutil.copy(PROGRAMS / "quickstart.ts", tmp_path)
    strict = ("--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom")
    modules = ("--module", "es2022", "--moduleResolution", "bundler")
    run(tools / "tsc", *strict, *modules, "quickstart.ts", folder=tmp_path)
    installation = Installation(tmp_path / "data")
    try:
        url = installation.start_web()
        token = installation.manage("create_token", "quickstart").stdout.splitlines()[-1]
        program = "import { run } from './quickstart.js'; await run(process.argv[1], process.argv[2]);"
        run("node", "--input-type=module", "--eval", program, url, token, folder=tmp_path)
    finally:
        installation.stop()
