"""Functions: texts, dates, zones and offsets."""

from datetime import UTC, datetime

import pytest
import time_machine

from destinations.notation import NotationError, parse_condition
from tests.cases import for_each

SOURCES = {
    "profile": {
        "name": "ŁUKASZ",
        "n": 5,
        "born": "1991-04-23",
        "zoned": "2022-02-02T10:00:00+02:00",
        "bad": "soon",
        "zone": "Europe/Warsaw",
        "nowhere": "Nowhere",
        "offset": "-1d",
        "epoch": 1_600_000_000.5,
        "long": "1" * 100_000,
    }
}


def answer(text):
    try:
        return parse_condition(text).evaluate(SOURCES)
    except NotationError:
        return "error"


@for_each(
    "text",
    [
        "lowercase(profile@name) == 'łukasz' AND lowercase(profile@t) != UpperCase('a')",
        "lowercase(profile@n) == 5 AND lowercase (\n profile@name\n) EXISTS",
        "uppercase(['a']) == ['a']",
        "now() == utcnow() AND now('Europe/Warsaw') == now()",
        "now.timezone(profile@zone) == NOW()",
        "now.offset(-15m) < now() AND now.offset('36h') > now.offset(1d)",
        "now.offset('1 day') == now.offset(24h) AND now.offset('2w') == now.offset('14 days')",
        "now.offset(profile@offset) == now.offset('-24h') AND now.offset('1d 12h') == now.offset(36h)",
        "now.offset(1.5h) == now.offset('90 min')",
        "now.timezone.offset('Europe/Warsaw', '1h') == now.offset(1h)",
        "now.offset('1:30:00') == now.offset(90m) AND now.offset('-0:00:30.5') == now.offset('-30.5s')",
        "now('europe/WARSAW') == now('utc')",
        "datetime('31.12.2021') == datetime('2021-12-31') AND datetime('3.4.2024') == datetime('2024-04-03')",
        "datetime('3. 4. 2024 10:30') == datetime('2024-04-03T10:30')",
        "datetime('2024/4/3') == datetime('3.4.2024')",
        "datetime('2024.4.3') == datetime('2024 04 03')",
        "datetime('Apr 3, 2024') == datetime('3/Apr/2024')",
        "datetime('02/11/2021', 'DD/MM/YYYY') == datetime('2021-11-02')",
        "datetime('02/11/2021', 'MM/DD/YYYY') == datetime('2021-02-11')",
        "datetime('1991-04-23') == datetime('23 April 1991')",
        "datetime(profile@born) == datetime('19910423')",
        "datetime('April 1991') == datetime('1991-04-01')",
        "datetime('1991') == datetime('1991-01-01')",
        "datetime('1991-04-22T24:00') == datetime(profile@born)",
        "datetime('1991-04') == datetime('1 April 1991')",
        "datetime('1991-04-23T10:00Z') == datetime('1991-04-23 10:00')",
        "datetime('1991-04-23 10:00 UTC') == datetime('Tue, 23 Apr 1991 12:00:00 +0200')",
        "datetime('Wed Feb 02 2022 10:00:00 GMT+0200 (EET)') == datetime(profile@zoned)",
        "datetime('2022-02-02 10:00 UTC+2') == datetime(profile@zoned)",
        "datetime(profile@zoned) == datetime('2022-02-02T08:00:00')",
        "datetime.timezone(profile@zoned, 'Asia/Tokyo') == datetime(profile@zoned)",
        "datetime.offset(profile@born, '1d') == datetime('1991-04-24')",
        "datetime.from_timestamp(0) == datetime('1970-01-01')",
        "datetime.from_timestamp(profile@epoch) > datetime.from_timestamp(1600000000)",
        "datetime(profile@born) BETWEEN datetime('1991-04-23') AND now()",
        "datetime(profile@born) != profile@born",
        "datetime('0001-01-01T00:00:00+14:00') < now() AND now(null) IS NULL",
    ],
)
def test_true(text):
    assert answer(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "datetime(profile@bad) < now()",
        "datetime(profile@n) < now()",
        "datetime(profile@long) < now()",
        "now(profile@nowhere) == now()",
        "now(profile@n) == now()",
        "now.offset(profile@bad) == now()",
        "now.offset(profile@n) == now()",
        "datetime.from_timestamp(profile@born) < now()",
        "datetime.from_timestamp(profile@n) < profile@n",
    ],
)
def test_errors_while_evaluating(text):
    condition = parse_condition(text)
    with pytest.raises(NotationError) as caught:
        condition.evaluate(SOURCES)
    assert "soon" not in str(caught.value)
    assert (caught.value.line, caught.value.column) != (None, None)


@for_each(
    "text",
    [
        "today() == now()",
        "lowercase() == 'x'",
        "lowercase('a', 'b') == 'x'",
        "utcnow('UTC') == now()",
        "now.timezone() == now()",
        "datetime.offset('2020-01-01') == now()",
        *[
            f"now('{zone}') == now()"
            for zone in ("Nowhere", "", "../etc/passwd", "Europe", "\\u0000", "x" * 999)
        ],
        *[
            f"now.offset('{o}') == now()"
            for o in ("soon", "", "15", "1 fortnight", "1d x", "9999999999w", "d")
        ],
        "now.offset(15) == now()",
        "now.offset(15x) == now()",
        *[
            f"datetime('{date}') < now()"
            for date in ("soon", "", "14", "10:30", "Monday", "29 Feb", "1" * 10)
        ],
        "datetime('1991-04-23 10:00 EST') < now()",
        "datetime('2020-13-45') < now()",
        "datetime(5) < now()",
        "datetime(true) < now()",
        "datetime.offset('9999-12-31', '2d') > now()",
        "datetime.from_timestamp('0') < now()",
        "datetime.from_timestamp(1e300) < now()",
        "datetime.from_timestamp(true) < now()",
    ],
)
def test_errors_while_parsing(text):
    with pytest.raises(NotationError) as caught:
        parse_condition(text)
    assert caught.value.column is not None


def test_an_hour_later_is_later_even_when_summer_time_ends():
    """Both moments show 02:30 on the clocks of Warsaw."""
    with time_machine.travel(datetime(2025, 10, 26, 0, 30, tzinfo=UTC), tick=False):
        assert answer("now.timezone.offset('Europe/Warsaw', 1h) > now('Europe/Warsaw')") is True
        assert answer("now.timezone.offset('Europe/Warsaw', 1h) == now.offset(1h)") is True


def test_offsets_beyond_the_calendar_are_errors():
    assert answer("now.offset('3000000d') > now()") == "error"


def test_reading_dates_does_not_depend_on_the_day():
    for day in (datetime(2024, 2, 29, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)):
        with time_machine.travel(day, tick=False):
            assert answer("datetime('April 1991') == datetime('1991-04-01')") is True
