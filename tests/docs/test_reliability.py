"""docs/reliability.md names tests: they are there."""

import re

from tests.cases import for_each
from tests.docs.held_by import first_cell, last_cell, missing, rows

ROWS = rows("docs/reliability.md", r"\d+")


def test_every_fault_has_a_line():
    assert [int(first_cell(row)) for row in ROWS] == list(range(1, 37))


@for_each("row", ROWS)
def test_the_tests_of_a_line_are_there(row):
    held_by = last_cell(row)
    files = re.findall(r"`([\w/]+\.py)", held_by)
    assert files
    functions = re.findall(r"(?:::|`)(test_\w+)`", held_by)
    assert missing(files, functions, re.findall(r"\b(Test[A-Z]\w+)", held_by)) == []
