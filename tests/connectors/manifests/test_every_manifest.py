"""Every manifest that comes with tracsync: its exchanges, and what has to be shown and said of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from destinations.connectors import introduction, registry
from destinations.connectors.http import answers
from destinations.connectors.http.manifests import exchanges
from destinations.connectors.http.manifests import files as manifest_files

FOLDER = files("destinations.connectors.manifests")
SLUGS = sorted(one.name.removesuffix(".json") for one in FOLDER.iterdir() if one.name.endswith(".json"))
PAGE = (Path(__file__).parents[3] / "docs" / "systems.md").read_text(encoding="utf-8")


def connector(slug: str):
    name = f"{slug}.json"
    return manifest_files.made_of(FOLDER.joinpath(name).read_bytes(), name)


@pytest.mark.parametrize("slug", SLUGS)
def test_its_exchanges_are_as_it_says(slug: str) -> None:
    for result in exchanges.run(connector(slug)):
        assert not result.problems, result.name


def pushes(slug: str) -> list[dict[str, Any]]:
    return [case for case in connector(slug).manifest.content["tests"]["cases"] if "outcomes" in case]


def outcomes(case: dict[str, Any]) -> set[str]:
    return {one["is"] for one in case["outcomes"]}


def statuses(case: dict[str, Any]) -> list[int]:
    return [
        one["answer"].get("status", 0 if "missing" in one["answer"] else 200) for one in case["exchanges"]
    ]


SHOWN: dict[str, Callable[[dict[str, Any]], bool]] = {
    "success": lambda case: outcomes(case) == {"accepted"},
    "partial failure": lambda case: {"accepted", "rejected"} <= outcomes(case),
    "whole failure": lambda case: statuses(case)[-1] >= 500 and outcomes(case) == {"retry"},
    "wait": lambda case: statuses(case)[-1] in (400, 403, 429, 503) and outcomes(case) == {"retry"},
    "missing right": lambda case: statuses(case)[-1] in (400, 403) and outcomes(case) == {"hold"},
}
NO_RIGHTS = {  # that a test of the connection could find missing; the docs say why
    "google_analytics": "Google Analytics says nothing of a wrong measurement ID, a wrong secret",
    "teams": "*Test connection* posts nothing, and so only finds out whether there is somebody who answers",
}


@pytest.mark.parametrize("slug", SLUGS)
def test_it_shows_what_has_to_be_shown(slug: str) -> None:
    made = connector(slug)
    cases = pushes(slug)
    assert [name for name, is_shown in SHOWN.items() if not any(map(is_shown, cases))] == []
    for operation in made.operations:
        assert any(
            (sent.get("operation", "upsert"), one["is"]) == (operation, "accepted")
            for case in cases
            for sent, one in zip(case["deliveries"], case["outcomes"], strict=True)
        )
    assert exchanges.untested(made) == []
    assert made.presets
    assert "icon" in made.manifest.content


@pytest.mark.parametrize("slug", SLUGS)
def test_testing_the_connection_tells_wrong_credentials_from_a_missing_right(slug: str) -> None:
    cases = connector(slug).manifest.content["tests"]["cases"]
    checks = {case["name"]: case["check"] for case in cases if "check" in case and "fields" not in case}
    assert [one["is"] for one in checks.values()].count("ok") >= 1
    said = {name: one["says"] for name, one in checks.items() if one["is"] == "configuration"}
    assert said["wrong credentials"]
    if slug in NO_RIGHTS:
        assert NO_RIGHTS[slug] in PAGE
    else:
        assert any(
            says != said["wrong credentials"]
            for name, says in said.items()
            if " may not " in f" {name} " or "lacks" in name
        )


@pytest.mark.parametrize("slug", SLUGS)
def test_every_rule_of_its_answers_is_shown(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody has tried may say anything."""
    read, holds = answers._rule, answers.Rule.holds
    rules: list[tuple[answers.Rule, Any]] = []
    held: set[int] = set()

    def noted(given: Any, place: str) -> answers.Rule:
        rules.append((read(given, place), given))
        return rules[-1][0]

    def noting(rule: answers.Rule, *about: Any, **more: Any) -> bool:
        is_so = holds(rule, *about, **more)
        held.update([id(rule)] if is_so else [])
        return is_so

    monkeypatch.setattr(answers, "_rule", noted)
    monkeypatch.setattr(answers.Rule, "holds", noting)
    exchanges.run(connector(slug))
    assert [given for rule, given in rules if id(rule) not in held] == []
    assert rules


def test_each_has_a_drawing_of_its_own() -> None:
    """Also among those that are classes."""
    icons = [introduction.icon_of(one) for one in registry.all_connectors()]
    assert len(set(icons)) == len(icons)
    assert introduction.icon_of(None) not in icons


@pytest.mark.parametrize("slug", SLUGS)
def test_every_field_is_described_here_and_in_the_docs(slug: str) -> None:
    made = connector(slug)
    page = PAGE.partition("\n## ")[0] + PAGE.partition(f"(`{slug}`)")[2].partition("\n## ")[0]
    for schema in (made.credentials_schema, made.settings_schema):
        for name, field in schema.get("properties", {}).items():
            assert field["title"]
            assert field["description"]
            assert f"`{name}`" in page


@pytest.mark.parametrize("slug", SLUGS)
def test_it_is_in_the_catalogue(slug: str) -> None:
    assert registry.get(slug).slug == slug
    assert registry.origin(slug).kind == "tracsync"


def test_a_case_that_is_not_so_is_told() -> None:
    name = "customer_io.json"
    content = json.loads(FOLDER.joinpath(name).read_bytes())
    cases = {case["name"]: case for case in content["tests"]["cases"]}
    two = cases["two people are identified"]
    two["outcomes"][0]["is"] = "rejected"
    two["exchanges"][0]["request"]["body"]["batch"].pop()
    cases["too many calls"]["exchanges"].append({"answer": {"status": 200}})
    cases["wrong credentials"]["check"]["is"] = "ok"
    cases["no answer"]["exchanges"] = []
    made = manifest_files.made_of(json.dumps(content).encode(), name)
    found = {result.name: list(result.problems) for result in exchanges.run(made) if result.problems}
    assert len(found["two people are identified"]) == 2
    assert "exchange 1: body should be" in found["two people are identified"][0]
    assert 'is should be "rejected" and is "accepted' in found["two people are identified"][1]
    assert found["too many calls"] == ["exchange 2: this call was not made"]
    assert "the check should say" in found["wrong credentials"][0]
    assert "a call that no exchange has: POST" in found["no answer"][0]
    assert "key-of-tests" not in repr(found)
