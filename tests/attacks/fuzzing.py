"""What fuzzing has in common: how much is tried, and how something right is made wrong.

The same few tries each time; TRACSYNC_TEST_FUZZ=10000 tries so many others of each kind.
"""

import os

import hypothesis
from hypothesis import strategies as st

TRIES = int(os.environ.get("TRACSYNC_TEST_FUZZ", "0"))


def few(count):
    """`count`: how many in a usual run."""
    is_long = bool(TRIES)
    checks = list(hypothesis.HealthCheck) if is_long else [hypothesis.HealthCheck.too_slow]
    return hypothesis.settings(
        max_examples=TRIES or count,
        derandomize=not is_long,
        database=None,
        deadline=None,
        suppress_health_check=[*checks, hypothesis.HealthCheck.function_scoped_fixture],
    )


@st.composite
def mutated(draw, seeds, pieces):
    """One of the seeds, texts or bytes, with some of it left out, doubled, moved, or replaced by a piece."""
    made = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(made)))
        end = draw(st.integers(start, min(len(made), start + 24)))
        way = draw(st.integers(0, 4))
        if way == 0:
            middle = draw(st.sampled_from(pieces))
        elif way == 1:
            middle = made[start:end] * draw(st.sampled_from((0, 2, 3, 50)))
        elif way == 2:
            other = draw(st.sampled_from(seeds))
            at = draw(st.integers(0, len(other)))
            middle = other[at : at + 24]
        elif way == 3:
            middle = draw(st.text(max_size=3) if isinstance(made, str) else st.binary(max_size=3))
        else:
            middle = made[start:end][::-1]
        made = made[:start] + middle + made[end:]
    return made
