"""What is said of rows stands at the row that it is about."""

from destinations.insight import row_evidence
from destinations.notation.rows.shapes import Entry


def test_line_ends_within_a_text_move_nothing():
    rows = (
        Entry(key="a", source="fixed", value="\u2028\x85" + 40 * "x"),
        Entry(key="b", source="text", value="profil@a"),
    )
    _text, found = row_evidence.of_mapping(Entry(source="object", rows=rows))
    assert ["no source" in str(one.problems) for one in found] == [False, False, True]
