"""What has to be there of every connector that comes with tracsync; a new one without it fails here.

docs/systems.md or docs/connectors.md has a section for each, with all its parts. A manifest shows each kind
of answer by an exchange of its own, a class by tests at a server.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from destinations.connectors import registry
from destinations.connectors.base import Connector
from destinations.connectors.capabilities import abilities, operations_of, presets
from destinations.connectors.http.manifests.connector import ICON, ManifestConnector
from destinations.connectors.testing.doubles.system import System
from tests.connectors.manifests.test_doubles import DOUBLES
from tests.connectors.manifests.test_every_manifest import SLUGS
from tests.harness import ROOT

PAGES = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("systems.md", "connectors.md")]
GOES_ON_FROM = {"mysql": "postgresql", "opensearch": "elasticsearch"}
GENERAL = ("http_api",)  # it speaks to any system; its page is docs/http-api.md

# What a section says, in words that all of them use; of what a connector lacks, that it does.
SAYS = {
    "what to do there": r"^1\. |^On the other side: ",
    "what is sent": r"\b[Pp]ayload\b",
    "what answers mean": r"^\| (answer|what happens) \| outcome \|",
    "limits": r"\b([Ll]imits?|[Uu]p to|[Aa]t most)\b",
}
HAS = {
    "remove": r"[Rr]emove|[Rr]emoval",
    "erase": r"[Ee]ras(e|ure)",
    "read": r"read[^.|]{0,40}\bback\b",
    "fields": r"[Ff]ields",
}
LACKS = {
    "remove": r"no removal|removed or erased|Nothing can be read back, removed",
    "erase": r"no erase|removed or erased",
    "read": r"([Nn]othing|cannot|Nothing can) (is |be )?(taken back or )?read|reads nothing back",
    "fields": r"tells? no (fields|attributes)|no fields (of your own )?to tell|fields there are, \w+ does",
}


# The contract, which all of them keep (test_every_connector.py, tests/services/), has success, one refused
# alone, silence, repeats, wrong credentials and removal. What it cannot ask of every peer:
SHOWN = {
    "kafka": "test_what_kafkas_errors_mean",
    "mautic": "test_check_names_what_is_missing",
    "mqtt": "test_a_missing_right_holds_and_is_named",
    "mysql": "test_check_names_the_missing_right_and_a_push_holds",
    "nats": "test_missing_rights_are_named",
    "postgresql": "test_check_names_the_missing_right_and_a_push_holds",
    "rabbitmq": "test_no_right_to_publish_is_a_configuration_error",
    "redis": "test_check_names_what_this_user_may_not_do_and_a_push_holds",
}
# By slug: to make all connectors takes seconds, in each process that reads this module.
CLASSES = sorted(SHOWN)


@pytest.fixture
def connector(slug: str) -> Connector:
    return registry.get(slug)


@pytest.fixture
def made(connector: Connector) -> ManifestConnector:
    assert isinstance(connector, ManifestConnector)
    return connector


each_connector = pytest.mark.parametrize("slug", sorted([*CLASSES, *SLUGS]))
each_manifest = pytest.mark.parametrize("slug", SLUGS)


@cache
def section(slug: str) -> str:
    """The part of the docs about one connector, and of that which it goes on from."""
    (found,) = [
        text for page in PAGES for text in page.split("\n## ")[1:] if f"(`{slug}`)" in text.split("\n")[0]
    ]
    if other := GOES_ON_FROM.get(slug):
        assert f"-{other})" in found  # a link to it
        found += section(other)
    return found


@each_connector
def test_its_section_has_every_part(connector: Connector) -> None:
    text = section(connector.slug)
    missing = [part for part, pattern in SAYS.items() if not re.search(pattern, text, re.MULTILINE)]
    text = " ".join(text.split())
    # Not what some settings lack: what the class can at all.
    can = {*getattr(connector, "operations", ()), *getattr(connector, "abilities", ())}
    missing += [part for part in HAS if not re.search((HAS if part in can else LACKS)[part], text)]
    missing += [
        f"preset {one.name}" for one in presets(connector) if f"*{one.name}*" not in " ".join(text.split())
    ]
    assert missing == []


def test_every_icon_is_its_own() -> None:
    icons = [registry.get(slug).icon for slug in (*CLASSES, *SLUGS)]
    assert len(set(icons)) == len(icons)
    assert not any(ICON[0] in icon for icon in icons)


@each_connector
def test_it_has_a_preset_that_can_be_begun_with(connector: Connector) -> None:
    assert presets(connector)
    for one in presets(connector):
        assert one.description
        assert one.mapping


# The rights that a system gives, in words of theirs or ours.
RIGHT = re.compile(
    r"may not|lacks|permission|[a-z0-9]+:[A-Z]\w+|view_index|mappings/get|action_prohibited|not valid"
)
WITHOUT_RIGHTS = {  # why nobody can lack one, as their sections say
    "google_analytics": "says nothing of a wrong measurement ID",
    "teams": "only finds out whether there is somebody who answers",
}


def cases(made: ManifestConnector) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made.manifest.content["tests"]["cases"]
    return found


def outcomes(case: dict[str, Any]) -> list[str]:
    return [one["is"] for one in case.get("outcomes", ())]


@each_manifest
def test_its_exchanges_show_every_kind_of_answer(made: ManifestConnector) -> None:
    """Success, partial and whole failure, wait, wrong credentials, missing right, leaving, fields, read."""
    shown = set(_shown(made))
    wanted = {"success", "partial failure", "whole failure", "wait", "wrong credentials", "missing right"}
    wanted |= {*operations_of(made, {}), *abilities(made, {})}
    assert wanted - shown == set()


def _shown(made: ManifestConnector) -> Iterator[str]:
    for case in cases(made):
        ends, asked = outcomes(case), case.get("deliveries", ())
        yield from {one.get("operation", "upsert") for one in asked if "held" not in case}
        yield from (name for key, name in (("fields", "fields"), ("held", "read")) if key in case)
        if "accepted" in ends:
            yield "success"
        if "accepted" in ends and "rejected" in ends:
            yield "partial failure"
        if ends and "accepted" not in ends and {"rejected", "retry"} & set(ends):
            yield "whole failure"
        if "retry" in ends:
            yield "wait"
        if case.get("check", {}).get("is") == "configuration" and "wrong credentials" in case["name"]:
            yield "wrong credentials"
        if any(one["is"] == "hold" for one in case.get("outcomes", ())):
            yield "missing right"


@each_manifest
def test_its_check_names_the_missing_right(made: ManifestConnector) -> None:
    if why := WITHOUT_RIGHTS.get(made.slug):
        assert why in " ".join(section(made.slug).split())
        return
    found = [case for case in cases(made) if case.get("check", {}).get("is") == "configuration"]
    told = [case["check"].get("says", "") for case in found if "wrong credentials" not in case["name"]]
    assert any(RIGHT.search(text) for text in told)


@pytest.mark.parametrize("double", DOUBLES, ids=lambda one: one.slug)
def test_its_double_says_where_its_facts_come_from(double: type[System]) -> None:
    said = " ".join((inspect.getdoc(inspect.getmodule(double)) or "").split())
    assert re.search(r"\b[Ff]rom:? (its |the )?[\w.]+", said)
    assert re.search(r"tried against|npm|moto|real", said)


def test_a_missing_right_of_each_class_is_shown() -> None:
    there = [one for one in registry.all_connectors() if type(one).__module__.startswith("destinations.")]
    classes = {one.slug for one in there if not isinstance(one, ManifestConnector)}
    assert classes - {*GENERAL} == {*CLASSES}
    rooms = [ROOT / "tests/services", ROOT / "tests/connectors/mautic"]
    tests = {name for room in rooms for file in room.glob("test_*.py") for name in _tests(file.read_text())}
    assert set(SHOWN.values()) <= tests


def _tests(text: str) -> list[str]:
    return re.findall(r"^def (test_\w+)", text, re.MULTILINE)
