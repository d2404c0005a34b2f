"""What the reckoning calls stale."""

import pytest

from tracsync.prove import ledger
from tracsync.prove.environments import Answer


def story(*requests):
    return [
        ledger.Arrival(at, "crm", f"p:{version}", "p", version, {"n": version}, str(answer), answer.takes)
        for at, (version, answer) in enumerate(requests)
    ]


STORIES = {
    "in order": ([(1, Answer.OK), (2, Answer.OK)], 0),
    "an older one after a newer one": ([(2, Answer.OK), (1, Answer.OK)], 1),
    "also after one that was refused": ([(2, Answer.BUSY), (1, Answer.OK)], 1),
    "sent again, since what is newer was refused": (
        [(1, Answer.CUT_OFF), (2, Answer.LOCKED_OUT), (3, Answer.TURNED_DOWN), (1, Answer.OK)],
        0,
    ),
    "sent again, though what is newer may be there": (
        [(1, Answer.CUT_OFF), (2, Answer.ERROR), (1, Answer.OK)],
        1,
    ),
    "sent again, after what is newer is there": ([(1, Answer.CUT_OFF), (2, Answer.OK), (1, Answer.OK)], 1),
}


@pytest.mark.parametrize(("requests", "stale"), STORIES.values(), ids=STORIES)
def test_what_counts_as_stale(requests, stale):
    assert ledger.row("crm", {}, story(*requests), {}, []).stale == stale
