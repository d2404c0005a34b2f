"""What fails of many cases in one test is named, each of it."""

import pytest

from tests.cases import for_each


@for_each(("one", "other"), [(1, 2), pytest.param(2, 2, id="equal"), pytest.param(3, 2, id="third")])
@for_each("sign", "+-")
def differ(one, other, sign, limit=1):
    if sign == "+" and one == 3:
        pytest.fail("too much")
    assert abs(one - other) == limit


def test_each_case_that_fails_is_named():
    with pytest.raises(BaseExceptionGroup, match="2 of 3 cases") as raised:
        differ(limit=1)
    equal, third = raised.value.exceptions
    assert (equal.__notes__, third.__notes__) == (["The case: 'equal'"], ["The case: 'third'"])
    assert [error.__notes__ for error in equal.exceptions] == [["The case: ('+',)"], ["The case: ('-',)"]]
    [failed] = third.exceptions
    assert isinstance(failed, pytest.fail.Exception)
