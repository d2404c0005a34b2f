"""Dates that are read by a pattern, and those whose order nobody can tell."""

import pytest

from destinations.notation import NotationError, parse_condition, parse_template
from tests.cases import for_each


def read(text, pattern):
    return parse_template({"$formula": "datetime(profile@text, profile@pattern)"}).render(
        {"profile": {"text": text, "pattern": pattern}}
    )


@for_each(
    ("text", "pattern", "moment"),
    [
        ("02/11/2021", "DD/MM/YYYY", "2021-11-02T00:00:00+00:00"),
        ("02/11/2021", "MM/DD/YYYY", "2021-02-11T00:00:00+00:00"),
        (" 2/1/21 ", "D/M/YY", "2021-01-02T00:00:00+00:00"),
        ("31.12.69", "DD.MM.YY", "1969-12-31T00:00:00+00:00"),
        ("31.12.68", "DD.MM.YY", "2068-12-31T00:00:00+00:00"),
        ("11/2021", "MM/YYYY", "2021-11-01T00:00:00+00:00"),
        ("Tue, 2 NOV 2021", "ddd, D MMM YYYY", "2021-11-02T00:00:00+00:00"),
        ("tuesday 02 november 2021", "dddd DD MMMM YYYY", "2021-11-02T00:00:00+00:00"),
        ("2021-11-02T10:20:30Z", "YYYY-MM-DDTHH:mm:ssZ", "2021-11-02T10:20:30+00:00"),
        ("2021-11-02T10:20:30.125+02:00", "YYYY-MM-DDTHH:mm:ss.SSSZ", "2021-11-02T10:20:30.125000+02:00"),
        ("20211102102030-0130", "YYYYMMDDHHmmssZZ", "2021-11-02T10:20:30-01:30"),
        ("12:05 am on 02-11-2021", "hh:mm A [on] DD-MM-YYYY", "2021-11-02T00:05:00+00:00"),
        ("1:05 PM 02-11-2021", "h:mm A DD-MM-YYYY", "2021-11-02T13:05:00+00:00"),
    ],
)
def test_a_date_is_read_as_the_pattern_says(text, pattern, moment):
    assert read(text, pattern) == moment


@for_each(
    ("text", "pattern", "says"),
    [
        ("2021-11-02", "DD/MM/YYYY", "profile@text is not written as DD/MM/YYYY"),
        ("02/11/2021 ?", "DD/MM/YYYY", "is not written as"),
        ("2/11/2021", "DD/MM/YYYY", "is not written as"),
        ("02/11/21", "DD/MM/YYYY", "is not written as"),
        ("31/02/2021", "DD/MM/YYYY", "profile@text is no date of the calendar"),
        ("0000-01-01", "YYYY-MM-DD", "no date of the calendar"),
        ("2021-11-02 25:00", "YYYY-MM-DD HH:mm", "no date of the calendar"),
        ("2021-11 2022", "YYYY-MM YYYY", "is not written as"),
        ("٢٠٢١-11-02", "YYYY-MM-DD", "is not written as"),
        ("2021-11-02T10:00+99:00", "YYYY-MM-DDTHH:mmZ", "is not written as"),
        ("2" * 200, "YYYY-MM", "too long for a date"),
        (5, "YYYY-MM", "is a number, not the text of a date"),
        ("10:20", "HH:mm", "a pattern without year or month"),
        ("2021", "YYYY", "a pattern without year or month"),
        ("2021-11-02", "year", "is no pattern of a date"),
        ("2021-11-02", 5, "is a number, where text is needed"),
    ],
)
def test_what_is_written_otherwise_is_an_error(text, pattern, says):
    with pytest.raises(NotationError) as caught:
        read(text, pattern)
    assert says in caught.value.message


@pytest.mark.parametrize("nothing", [None, {}])
def test_nothing_stays_nothing(nothing):
    assert parse_condition("datetime(profile@gone, 'DD/MM/YYYY') NOT EXISTS").evaluate({"profile": nothing})
    assert read(None, "DD/MM/YYYY") is None


@pytest.mark.parametrize(
    ("date", "pattern"),
    [
        ("02/11/2021", "DD/MM/YYYY"),
        ("31/12/2021", "DD/MM/YYYY"),
        ("12/31/2021 10:00 PM", "DD/MM/YYYY"),
        ("2/11/2021", "D/MM/YYYY"),
        ("02-11-2021", "DD-MM-YYYY"),
        ("02 11 2021", "DD MM YYYY"),
        ("02/11/21", "DD/MM/YY"),
        ("31.12.21", "DD.MM.YY"),
    ],
)
def test_a_date_whose_order_nobody_can_tell_names_the_cure(date, pattern):
    for text in ("datetime(profile@d) < now()", "age_days(profile@d) > 1"):
        with pytest.raises(NotationError) as caught:
            parse_condition(text).evaluate({"profile": {"d": date}})
        assert f'datetime(x, "{pattern}")' in caught.value.message
        assert date not in str(caught.value)
    with pytest.raises(NotationError, match="this argument is a date whose order nobody can tell"):
        parse_condition(f"datetime('{date}') < now()")


@pytest.mark.parametrize("date", ["12.31.2021", "2021/31/12", "2021.12.32", "31.6.2021"])
def test_days_that_there_are_not_are_not_turned_around(date):
    with pytest.raises(NotationError, match="cannot be read as a date"):
        parse_condition("datetime(profile@d) < now()").evaluate({"profile": {"d": date}})


def test_a_pattern_is_checked_when_it_is_parsed():
    with pytest.raises(NotationError, match="a pattern without year or month") as caught:
        parse_condition("datetime(profile@d, 'HH:mm') < now()")
    assert caught.value.column == len("datetime(profile@d, ") + 1
    with pytest.raises(NotationError, match=r"datetime\(\) of these is not written as DD/MM/YYYY"):
        parse_condition("datetime('2021-11-02', 'DD/MM/YYYY') < now()")
