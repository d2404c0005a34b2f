"""manage.py bench: that it measures, checks and prints; never how fast."""

import io
import json
from importlib.resources import files

import pytest
from django.core.management import CommandError, call_command
from rich.console import Console

from destinations.connectors.http.manifests import exchanges
from destinations.connectors.http.manifests.files import made_of
from destinations.notation import parse_condition, parse_template
from tracsync.bench.connectors import FILE
from tracsync.bench.notation_cases import CONDITIONS, TEMPLATES
from tracsync.bench.notation_peers import PEERS
from tracsync.bench.report import Report, Section
from tracsync.bench.sample_profiles import SIZE, people

QUICK = ["--profiles", "5", "--repetitions", "1", "--budget", "0.001"]


def run(*arguments):
    out = io.StringIO()
    call_command("bench", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_notation_is_measured_against_hand_written_functions():
    report = json.loads(run("notation", "--json", *QUICK))
    titles = [section["title"].split(":")[0] for section in report["sections"]]
    assert titles == [
        "conditions, full profiles",
        "conditions, sparse profiles",
        "templates, full profiles",
        "templates, sparse profiles",
        "parsing a new condition",
    ]
    first = report["sections"][0]["rows"]
    assert [row["case"] for row in first] == [*(case.name for case in CONDITIONS), "all (geometric mean)"]
    assert all(row["× safe, by hand"] > 0 and row["× trusting, by hand"] > 0 for row in first)


def test_a_manifest_is_measured_against_a_class():
    report = json.loads(run("connectors", "--json", *QUICK, "--profiles", "200"))
    (section,) = report["sections"]
    assert [row["connector"] for row in section["rows"]] == ["class", "manifest"]
    assert all(row["profiles per second"] > 0 for row in section["rows"])
    assert section["rows"][0]["× class"] == 1


def test_the_manifest_that_is_measured_is_in_order():
    made = made_of(files("tracsync.bench").joinpath(FILE).read_bytes(), FILE)
    assert [result.problems for result in exchanges.run(made)] == [[]]


def test_tables_are_for_people():
    text = run("notation", *QUICK)
    assert "presence and numbers" in text
    assert "parsing a new condition" in text


def test_a_subject_is_needed():
    with pytest.raises(CommandError):
        run()


@pytest.mark.parametrize("sparse", [False, True])
def test_hand_written_functions_say_the_same(sparse):
    for profile in people(200, sparse=sparse):
        sources = {"profile": profile}
        for case in CONDITIONS:
            met = parse_condition(case.notation).evaluate(sources)
            assert met is case.safe(sources) is case.trusting(sources)
        for case in TEMPLATES:
            payload = parse_template(case.notation).render(sources)
            assert payload == case.safe(sources) == case.trusting(sources)


@pytest.mark.parametrize("shape", [None, [], "text", 7, True, {"data": "text"}, {"stats": [], "orders": {}}])
def test_safe_ones_take_any_shape(shape):
    document = shape if isinstance(shape, dict) else {"data": shape, "stats": shape, "traits": shape}
    for case in (*CONDITIONS, *TEMPLATES):
        case.safe({"profile": document})


@pytest.mark.parametrize("name", PEERS)
def test_peers_say_the_same_where_they_are_installed(name):
    try:
        ways = PEERS[name]()
    except ImportError:
        pytest.skip(f"{name} is not installed")
    cases = {case.name: case for case in (*CONDITIONS, *TEMPLATES)}
    for profile in people(50):
        for case, way in ways.items():
            expected = cases[case].safe({"profile": profile})
            if isinstance(expected, dict):  # peers cannot leave fields out
                expected = {**dict.fromkeys(way({"profile": profile})), **expected}
            assert way({"profile": profile}) == expected


def test_profiles_are_the_same_for_the_same_seed_and_of_the_usual_size():
    assert people(3, seed=7) == people(3, seed=7) != people(3, seed=8)
    assert all(abs(len(json.dumps(profile)) - SIZE) < SIZE / 5 for profile in people(50))


def test_reports_show_numbers_shortly():
    out = io.StringIO()
    report = Report(
        "x", [Section("a title", ("what", "n"), [("one", 1234), ("two", 0.12345), ("none", None)])]
    )
    report.show(Console(file=out, width=60))
    assert "1,234" in out.getvalue()
    assert "0.123" in out.getvalue()
    assert report.as_dict()["sections"][0]["rows"][2] == {"what": "none", "n": None}
