"""THREAT_MODEL.md: each promise names a test, and each test that it names is there."""

import pytest

from tests.docs.held_by import TEST_ID, first_cell, last_cell, missing, rows
from tests.harness import ROOT

ROWS = rows("THREAT_MODEL.md", r"[STRIDE]\d+")


def test_every_kind_of_threat_has_lines_numbered_in_order():
    numbers = {kind: [] for kind in "STRIDE"}
    for row in ROWS:
        numbers[first_cell(row)[0]].append(int(first_cell(row)[1:]))
    for found in numbers.values():
        assert found == [*range(1, len(found) + 1)]
        assert found


@pytest.mark.parametrize("row", ROWS, ids=first_cell)
def test_a_promise_names_tests_that_are_there(row):
    promise, held_by = row.split("|")[3].strip(), TEST_ID.findall(last_cell(row))
    assert promise
    assert held_by, "Nothing holds it."
    assert "`" not in TEST_ID.sub("", last_cell(row)), "Something is named that is no test."
    for file, of_class, function in held_by:
        assert missing([file], [function], [of_class] if of_class else []) == []


def test_nothing_else_in_it_looks_like_a_test():
    text = (ROOT / "THREAT_MODEL.md").read_text()
    in_rows = sum(len(TEST_ID.findall(row)) for row in ROWS)
    assert text.count("::test_") == in_rows


def test_the_way_to_report_invents_no_address():
    text = (ROOT / "SECURITY.md").read_text()
    assert "@" not in text
    assert "://" not in text
