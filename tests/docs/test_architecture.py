"""The plan of the house names every room, and nothing that is not there."""

import re

import pytest

from tests.harness import ROOT

PLAN = (ROOT / "docs/architecture.md").read_text()
FLOORS = ("tracsync", "destinations", "profiles")
NAMED = re.compile(r"(?<![\w/.-])(?:tracsync|destinations|profiles|templates|tests|docs|editor)/[\w./-]*")


def rooms():
    """The folders of product code."""
    for floor in FLOORS:
        for file in (ROOT / floor).rglob("*.py"):
            if file.stat().st_size and file.parent.name != "migrations":
                yield f"{file.parent.relative_to(ROOT)}/"


@pytest.mark.parametrize("room", sorted(set(rooms())))
def test_every_room_has_its_line(room):
    assert f"\n| `{room}` | " in PLAN


@pytest.mark.parametrize("path", sorted({named.rstrip(".") for named in NAMED.findall(PLAN)}))
def test_every_path_on_the_plan_exists(path):
    assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).exists()
