"""Every manifest that comes with tracsync: its exchanges, and what has to be shown and said of each."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from destinations.connectors import registry
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


@pytest.mark.parametrize("slug", SLUGS)
def test_it_shows_what_has_to_be_shown(slug: str) -> None:
    made = connector(slug)
    cases = made.manifest.content["tests"]["cases"]
    outcomes = [one["is"] for case in cases for one in case.get("outcomes", ())]
    assert {"accepted", "rejected", "retry", "hold"} <= set(outcomes)
    assert {case["check"]["is"] for case in cases if "check" in case} >= {"ok", "configuration"}
    told = {one.get("operation", "upsert") for case in cases for one in case.get("deliveries", ())}
    assert told == set(made.operations)
    assert exchanges.untested(made) == []
    if made.batch_size > 1:
        kinds = [{one["is"] for one in case.get("outcomes", ())} for case in cases]
        assert {"accepted", "rejected"} in kinds
    assert made.presets
    assert "icon" in made.manifest.content


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
