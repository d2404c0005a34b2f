"""Tracardi's shapes, from its API and from its database, and a way to import them."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from destinations.tracardi import importing
from destinations.tracardi.configuring import Options
from tests.harness import ROOT

CASES = ROOT / "tests/fixtures/cases/tracardi"
RESOURCES, DESTINATIONS, RAW = (
    str(CASES / name) for name in ("resources.json", "destinations.json", "elastic_records.ndjson")
)


@pytest.fixture
def write(tmp_path):
    """Write a file: text as it is, a list of texts as lines, anything else as JSON."""

    def written(content, name="file.json"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
            return str(path)
        lines = isinstance(content, list) and all(isinstance(line, str) for line in content)
        text = "\n".join(content) if lines else content if isinstance(content, str) else json.dumps(content)
        path.write_text(text)
        return str(path)

    return written


@pytest.fixture
def bring(db, write):
    """Import files, or records that are written to one, and hand the report back."""

    def imported(*files, dry_run=False, **options):
        names = [file if isinstance(file, str) else write(file) for file in files]
        return importing.run(names, Options(**options), dry_run=dry_run)

    return imported


def packed(value):
    """As Tracardi's database holds it."""
    return base64.b64encode(gzip.compress(json.dumps(value).encode(), mtime=0)).decode()


def resource(id="r-1", name="Shop", connector="http_connector.HttpConnector", **fields):
    return {
        "id": id,
        "name": name,
        "type": "api",
        "credentials": {"production": {"url": "https://shop.example/in"}, "test": {}},
        "destination": {"package": f"tracardi.process_engine.destination.{connector}", "init": {}},
        **fields,
    }


def destination(id="d-1", name="Customers", connector="http_connector.HttpConnector", init=None, **fields):
    return {
        "id": id,
        "name": name,
        "enabled": True,
        "condition": "",
        "mapping": {"id": "profile@id"},
        "destination": {
            "package": f"tracardi.process_engine.destination.{connector}",
            "init": {"method": "post", **(init or {})},
        },
        "resource": {"id": "r-1"},
        **fields,
    }


def found(report, name):
    [entry] = [entry for entry in report.entries if entry.name == name]
    return entry
