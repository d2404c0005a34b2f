"""The plan of the house names every room, and nothing that is not there; no room has too many modules."""

import re

from tests.cases import for_each
from tests.harness import ROOT

PLAN = (ROOT / "docs/architecture.md").read_text()
MOST_MODULES = 16  # of one folder
FLAT = ("destinations/notation/",)  # to split it made arrows run back
FLOORS = ("tracsync", "destinations", "profiles")
TOP = ("templates", "tests", "docs", "deploy", "editor")
NAMED = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FLOORS + TOP)})/[\w./-]*")


def rooms():
    """The folders of product code."""
    for floor in FLOORS:
        for file in (ROOT / floor).rglob("*.py"):
            if file.stat().st_size and file.parent.name != "migrations":
                yield f"{file.parent.relative_to(ROOT)}/"


@for_each("room", sorted(set(rooms())))
def test_every_room_has_its_line(room):
    assert f"\n| `{room}` | " in PLAN


@for_each("room", sorted(set(rooms())))
def test_no_room_is_crowded(room):
    modules = [file for file in (ROOT / room).glob("*.py") if file.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES or room in FLAT


@for_each("path", sorted({named.rstrip(".") for named in NAMED.findall(PLAN)}))
def test_every_path_on_the_plan_exists(path):
    assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).exists()
