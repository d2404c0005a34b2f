"""docs/reliability.md names tests: they are there."""

import re

import pytest

from tests.harness import ROOT

ROWS = [
    line
    for line in (ROOT / "docs" / "reliability.md").read_text().splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_every_fault_has_a_line():
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, 29))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_the_tests_of_a_line_are_there(row):
    held_by = row.split("|")[-2]
    files = [ROOT / "tests" / name for name in re.findall(r"`([\w/]+\.py)", held_by)]
    assert files
    texts = [file.read_text() for file in files]
    for name in re.findall(r"(?:::|`)(test_\w+)`", held_by):
        assert any(f"def {name}(" in text for text in texts), name
    for name in re.findall(r"\b(Test[A-Z]\w+)", held_by):
        assert any(f"class {name}:" in text for text in texts), name
