"""The editor's bundle is the one that its sources make, and has its licences beside it."""

import hashlib
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EDITOR = ROOT / "editor"
STATIC = ROOT / "tracsync" / "static" / "tracsync"


def test_the_bundle_was_built_of_these_sources():
    digest = hashlib.sha256((EDITOR / "package-lock.json").read_bytes())
    for file in sorted((EDITOR / "src").iterdir()):
        digest.update(file.read_bytes())
    for name in ("editor.js", "live.js"):
        first_line = (STATIC / name).read_text().splitlines()[0]
        assert digest.hexdigest() in first_line, "run: cd editor && npm ci && npm run build"


def test_the_lock_file_names_no_registry():
    text = (EDITOR / "package-lock.json").read_text()
    assert "resolved" not in text
    assert all("integrity" in package for name, package in json.loads(text)["packages"].items() if name)


def test_every_package_in_the_bundle_has_its_licence_beside_it():
    text = (STATIC / "third-party.txt").read_text()
    needed = set(
        re.findall(
            r'from "((?:@[\w-]+/)?[a-z][\w-]+)"', "".join(f.read_text() for f in (EDITOR / "src").iterdir())
        )
    )
    assert needed
    assert all(f"{name} " in text for name in needed)
    assert text.count("Permission is hereby granted") == text.count("(MIT)")
