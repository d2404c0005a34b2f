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
        assert 0 <= bar.failed_y <= bar.accepted_y <= drawn.height
        assert bar.failed_y + bar.failed == pytest.approx(bar.accepted_y)
        assert bar.accepted_y + bar.accepted == pytest.approx(drawn.height)


def test_what_is_rare_is_still_seen():
    drawn = charts.chart("x", HOUR, figures(HOUR, {"accepted": 1_000_000, "retry": 1}), timezone.now())
    assert drawn.bars[0].failed == charts.LEAST


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
