"""Pages with a table of promises name the tests that hold them; what both kinds of page have in common."""

import re

from tests.harness import ROOT

TEST_ID = re.compile(r"`tests/([\w/]+\.py)::(?:(Test\w+)::)?(test_\w+)`")


def rows(page, pattern):
    """The lines of a page's table whose first cell matches."""
    lines = (ROOT / page).read_text().splitlines()
    return [line for line in lines if re.match(rf"\| {pattern} \|", line)]


def first_cell(row):
    return row.split("|")[1].strip()


def last_cell(row):
    return row.split("|")[-2]


def missing(files, functions=(), classes=()):
    """Which of them are in none of the files of `tests/`, or which files are not there."""
    gone = [name for name in files if not (ROOT / "tests" / name).exists()]
    texts = [(ROOT / "tests" / name).read_text() for name in files if name not in gone]
    gone += [name for name in functions if not any(f"def {name}(" in text for text in texts)]
    return gone + [name for name in classes if not any(f"class {name}:" in text for text in texts)]
