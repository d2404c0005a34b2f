"""What several tests of the notation ask."""

import json

import pytest

from destinations.notation import NotationError
from destinations.notation.budget import MAX_COPIED, MAX_SHOWN, MAX_WORK, Run


@pytest.fixture(scope="session")
def check_spending():
    """That where one less would be too little for the reference, it is for what is compiled."""

    def check(reference, compiled):
        runs = []
        expected = limited(reference, MAX_WORK, runs)
        spent = MAX_WORK - runs[0].left
        assert limited(compiled, spent, []) == expected
        if spent:
            assert "too much work" in limited(reference, spent - 1, [])
            assert "too much work" in limited(compiled, spent - 1, [])

    return check


def limited(ask, work, runs):
    """The answer with so much work to do, and the runs it took."""

    def begin(run, left=work, now=None, thorough=False):
        run.left, run._now, run.copies, run.shown, run._aside = left, now, [MAX_COPIED], [MAX_SHOWN], None
        run.thorough = thorough
        runs.append(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "__init__", begin)
        try:
            return json.dumps(ask())
        except NotationError as error:
            return str(error)
