"""No memory grows with what people or servers write."""

import functools
import gc
import weakref

import pytest

from destinations.connectors import registry as connectors
from destinations.connectors.base import ConnectorError
from destinations.notation import NotationError, functions, parse_condition
from destinations.notation.functions import registry
from destinations.notation.parse_cache import LONG, MOST_LONG, MOST_SHORT, kept
from tests.common.test_patterns import modules

# Without a bound, and keyed by what this installation consists of.
OF_THE_INSTALLATION = {
    "destinations.connectors.registry._loaded",  # entry points of installed packages
    "destinations.connectors.registry._read",  # files of installed packages
    "destinations.notation.functions.registry._loaded",
    "tracsync.admin.documentation._rendered",  # our own pages
    "tracsync.api.rate_limit._made",  # the one of the settings
    "tracsync.common.loading._defaults",  # the models
}


def unbounded():
    for module in modules():
        for name, value in vars(module).items():
            if not isinstance(value, functools._lru_cache_wrapper) or value.__module__ != module.__name__:
                continue
            code = value.__wrapped__.__code__
            if value.cache_info().maxsize is None and code.co_argcount + code.co_kwonlyargcount:
                yield f"{module.__name__}.{name}"


def test_every_cache_has_a_bound_or_is_of_the_installation():
    assert set(unbounded()) == OF_THE_INSTALLATION


def test_names_of_functions_that_nobody_offers_are_forgotten():
    before = registry._loaded.cache_info().currsize
    for number in range(100):
        assert functions.get(f"nobody{number}") is None
        with pytest.raises(NotationError, match="there is no function"):
            parse_condition(f"nobody{number}(1) == 1")
    assert registry._loaded.cache_info().currsize == before


def test_names_of_connectors_that_nobody_offers_are_forgotten():
    before = connectors._loaded.cache_info().currsize
    for number in range(100):
        assert connectors.find(f"nobody{number}") is None
        with pytest.raises(ConnectorError, match="There is no usable connector"):
            connectors.get(f"nobody{number}")
    assert connectors._loaded.cache_info().currsize <= before + len(connectors.slugs())


class Parsed:
    def __init__(self, text):
        self.text = text


def remaining(number, length):
    parse = kept(Parsed)
    made = [weakref.ref(parse(f"{n:0{length}}")) for n in range(number)]
    gc.collect()
    return sum(one() is not None for one in made)


def test_many_short_texts_and_a_few_long_ones_are_kept_parsed():
    assert remaining(2 * MOST_SHORT, LONG) == MOST_SHORT
    assert remaining(2 * MOST_SHORT, LONG + 1) == MOST_LONG
    parse = kept(Parsed)
    assert parse("a") is parse("a")
    assert parse("a" * 2 * LONG) is parse("a" * 2 * LONG)
