"""Functions that others add: registered ones, and those of installed packages."""

import logging
from importlib.metadata import EntryPoint

import pytest

from destinations.notation import NotationError, functions, parse_condition, parse_template
from destinations.notation.functions import INTEGER, TEXT, Function, MismatchError, Parameter, registry

INITIALS = Function("initials", (TEXT,), lambda name: "".join(word[0] for word in name.split()))
SOURCES = {"profile": {"name": "Ada Lovelace", "n": 3, "list": [3, 1, 2]}}


@pytest.fixture(autouse=True)
def forgotten():
    functions.forget()
    yield
    functions.forget()


def test_a_registered_function_works_in_both_languages():
    assert functions.register(INITIALS) is INITIALS
    assert parse_condition('Initials(profile@name) == "AL"').evaluate(SOURCES)
    assert parse_template({"$formula": "lowercase(initials(profile@name))"}).render(SOURCES) == "al"
    assert parse_template({"a?": {"$formula": "initials(profile@gone)"}}).render(SOURCES) == {}
    assert "initials" in functions.names()
    with pytest.raises(NotationError, match="did you mean initials"):
        parse_condition('initial(profile@name) == "AL"')


def test_parameters_read_repeat_and_wait():
    def _even(value):
        if value % 2:
            raise MismatchError("is odd")
        return value

    functions.register(Function("even", (Parameter("number", _even),), lambda n: n))
    functions.register(Function("sorted_by", (functions.LIST, Parameter("value", each=True)), _sorted_by))
    functions.register(Function("most", (INTEGER,), lambda *numbers: max(numbers), repeats=True))
    with pytest.raises(NotationError, match="this argument is odd"):
        parse_condition("even(3) == 3")
    with pytest.raises(NotationError, match="profile@n is odd"):
        parse_condition("even(profile@n) == 3").evaluate(SOURCES)
    assert parse_condition("most(1, profile@n, 2) == 3 AND most(5) == 5").evaluate(SOURCES)
    rendered = parse_template({"$formula": "sorted_by(profile@list, item@...)"}).render(SOURCES)
    assert rendered == [1, 2, 3]


def _sorted_by(items, key):
    return sorted(items, key=key)


@pytest.mark.parametrize("name", ["lowercase", "Initials", "two words", "", "a..b", "x(", "é", "not"])
def test_names_that_are_taken_or_cannot_be_written(name):
    with pytest.raises(ValueError, match="function"):
        functions.register(Function(name, (TEXT,), str))


def test_a_name_is_registered_once():
    functions.register(INITIALS)
    with pytest.raises(ValueError, match="already"):
        functions.register(INITIALS)


def test_what_a_foreign_function_raises_tells_no_values():
    functions.register(Function("broken", (TEXT,), lambda text: {}[text]))
    with pytest.raises(NotationError) as caught:
        parse_condition("broken(profile@name) == 1").evaluate(SOURCES)
    assert "Ada" not in str(caught.value)
    assert caught.value.message == "profile@name cannot be used by broken() (KeyError)"
    with pytest.raises(NotationError, match="broken"):
        parse_condition("broken('x') == 1")


def test_packages_declare_functions_that_are_loaded_when_used(monkeypatch, caplog):
    loaded = []

    class Entry(EntryPoint):
        def load(self):
            loaded.append(self.name)
            return super().load()

    here = "tests.notation.test_registry"
    monkeypatch.setattr(
        registry,
        "entry_points",
        lambda group: [
            Entry("initials", f"{here}:INITIALS", group),
            Entry("broken", "no_such_module:FUNCTION", group),
            Entry("misnamed", f"{here}:INITIALS", group),
            Entry("lowercase", f"{here}:INITIALS", group),
        ],
    )
    monkeypatch.setitem(
        __import__("sys").modules, here, __import__("types").SimpleNamespace(INITIALS=INITIALS)
    )
    assert {"initials", "broken"} <= set(functions.names())
    assert loaded == []
    assert parse_condition('initials(profile@name) == "AL"').evaluate(SOURCES)
    assert parse_condition('lowercase(profile@name) == "ada lovelace"').evaluate(SOURCES)
    assert loaded == ["initials"]
    with caplog.at_level(logging.ERROR):
        for name in ("broken", "misnamed"):
            with pytest.raises(NotationError, match=f"there is no function {name}"):
                parse_condition(f"{name}(profile@name) EXISTS")
    assert [record.args[0] for record in caplog.records] == ["broken", "misnamed"]
