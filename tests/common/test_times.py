"""Times and numbers as people read them."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone, translation

from tracsync.common import times
from tracsync.common.numbers import grouped, short

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (0, "just now", "gerade eben"),
        (-5 * 60, "5 min ago", "vor 5 min"),
        (11.4, "in 12 s", "in 12 s"),
        (-3 * 3600 - 61, "3 h 1 min ago", "vor 3 h 1 min"),
        (50 * 3600, "in 2 d 2 h", "in 2 d 2 h"),
    ],
)
def test_how_far_away_a_moment_is(seconds, english, german):
    moment = NOW + timedelta(seconds=seconds)
    assert times.relative(moment) == english
    with translation.override("de"):
        assert times.relative(moment) == german


def test_a_moment_of_another_day_has_its_day_and_the_zone_decides_which_that_is():
    late = NOW - timedelta(hours=11)
    assert times.at(late) == "01:00:00"
    with timezone.override("America/New_York"):
        assert times.at(late) == "2026-03-01 20:00:00"


def test_a_moment_in_a_list_says_all_of_it():
    with timezone.override("Europe/Berlin"):
        html = times.shown(NOW - timedelta(minutes=1))
    assert (
        '<time datetime="2026-03-02T12:59:00+01:00" title="2026-03-02 12:59:00 CET">12:59:00</time>' in html
    )
    assert "1 min ago" in html
    assert times.shown(None, "never") == "never"


def test_numbers_are_grouped_as_the_language_has_it():
    assert grouped(10_000) == "10,000"
    with translation.override("de"):
        assert grouped(10_000) == "10.000"
        assert grouped(1234.56, 1) == "1.234,6"


def test_small_numbers_are_short():
    assert [short(number) for number in (0.25, 99.94, 100, 66.6666)] == ["0.25", "99.9", "100", "66.7"]
    with translation.override("de"):
        assert short(0.25) == "0,25"
