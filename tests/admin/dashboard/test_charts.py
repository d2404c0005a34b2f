"""Charts that are drawn on the server, and numbers that stay true when they are rounded."""

from collections import Counter

import pytest
from django.utils import timezone

from destinations.admin.dashboard import charts
from destinations.insight.statistics import DAY, HOUR, WEEK, Figures


def figures(period, *bars):
    """The given bars are the last ones."""
    padded = [Counter() for _ in range(period.bars - len(bars))] + [Counter(**bar) for bar in bars]
    return Figures(sum(padded, Counter()), padded)


@pytest.mark.parametrize("period", [HOUR, DAY, WEEK], ids=lambda period: period.name)
def test_bars_stay_within_the_drawing(period):
    bars = [{"accepted": 1_000_000, "retry": 1}, {"rejected": 1}, {}, {"accepted": 1}]
    drawn = charts.chart("x", period, figures(period, *bars), timezone.now())
    assert len(drawn.bars) == 3
    for bar in drawn.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= drawn.width
        assert bar.accepted_y >= 0
        assert bar.accepted_y + bar.accepted == pytest.approx(drawn.line)
        assert drawn.line + bar.failed <= drawn.height


def test_what_is_rare_is_still_seen():
    bars = [{"accepted": 1_000_000, "retry": 900}, {"accepted": 1, "retry": 1}]
    drawn = charts.chart("x", HOUR, figures(HOUR, *bars), timezone.now())
    assert drawn.bars[1].accepted == drawn.bars[1].failed == charts.LEAST


def test_where_all_was_accepted_the_whole_height_is_for_that():
    drawn = charts.chart("x", HOUR, figures(HOUR, {"accepted": 9}), timezone.now())
    assert drawn.bars[0].accepted == drawn.line == drawn.height - 1


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, ""), (0, "0 %"), (1, "100 %"), (0.9999999, "99.9 %"), (1e-9, "0.1 %"), (1 / 3, "33.3 %")],
)
def test_all_and_none_are_only_said_of_all_and_none(share, text):
    assert charts.percent(share) == text


@pytest.mark.parametrize(
    ("lag", "text"),
    [("lag_0", "0.25 s"), ("lag_7", "32 s"), ("lag_8", "2 min"), ("lag_15", "137 min")],
)
def test_delay_is_rounded_up(lag, text):
    assert charts.delay(figures(HOUR, {lag: 1})) == f"half within {text}, 95 % within {text}"


def test_lag_beyond_what_is_told_apart():
    assert charts.delay(figures(HOUR, {"lag_16": 1})) == "half later than 2 h, 95 % later than 2 h"
    assert charts.delay(figures(HOUR)) == ""
