"""The same cases in other libraries, as far as they are installed and can express them.

Each peer is a function that gives, for each case it can express, a callable of the sources. What can be
prepared once is prepared once; data a library wants in types of its own is converted beforehand where the
library allows it (cel-python), which is to its favour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

Way = Callable[[Any], Any]
Ways = dict[str, Way]


def installed() -> Mapping[str, tuple[str, Ways]]:
    """For each installed peer its version and its ways of the cases, by the names of the cases."""
    found = {}
    for name, ways in PEERS.items():
        try:
            found[name] = (version(name), ways())
        except (ImportError, PackageNotFoundError):
            continue
    return found


def _rule_engine() -> Ways:
    library = import_module("rule_engine")
    context = library.Context(default_value=None, mapping_attribute_lookup=False)
    texts = {
        "presence and numbers": 'data["contact"]["email"]&["business"] != null'
        ' and (stats["visits"] > 3 or traits&["vip"] == true)',
        "lists and texts": '"gold" in segments and consents["marketing"] == true'
        ' and not data["contact"]["email"]["main"].ends_with("@test.example")',
        "ranges": 'stats["visits"] >= 5 and stats["visits"] <= 50'
        ' and data["address"]["country"] in ["PL", "DE", "FR"]',
        "lower case": '(traits["nick"] != null and traits["nick"].as_lower.starts_with("a"))'
        ' or (traits&["score"] != null and traits&["score"] >= 0.75)',
        "dates": '$parse_datetime(data["pii"]["birthday"]) < d"2000-01-01" and aux["utm.source"] != null',
    }
    return {name: _with_profile(library.Rule(text, context=context).matches) for name, text in texts.items()}


def _jmespath() -> Ways:
    library = import_module("jmespath")
    texts = {
        "presence and numbers": "data.contact.email.business != null"
        " && (stats.visits > `3` || traits.vip == `true`)",
        "lists and texts": "contains(segments, 'gold') && consents.marketing == `true`"
        " && !ends_with(data.contact.email.main, '@test.example')",
        "ranges": "stats.visits >= `5` && stats.visits <= `50`"
        " && contains(['PL', 'DE', 'FR'], data.address.country)",
        "20 fields": _jmespath_mapping(),
    }
    return {name: _with_profile(library.compile(text).search) for name, text in texts.items()}


PATHS = {
    "id": "id",
    "email": "data.contact.email.main",
    "email_business": "data.contact.email.business",
    "phone": "data.contact.phone.mobile",
    "first_name": "data.pii.firstname",
    "last_name": "data.pii.lastname",
    "birthday": "data.pii.birthday",
    "country": "data.address.country",
    "town": "data.address.town",
    "street": "data.address.street",
    "visits": "stats.visits",
    "views": "stats.views",
    "score": "traits.score",
    "vip": "traits.vip",
    "nick": "traits.nick",
    "tags": "segments",
    "marketing": "consents.marketing",
}


def _jmespath_mapping() -> str:
    """Optional fields stay, as null: leaving them out cannot be said."""
    fields = [f"{name}: {path}" for name, path in PATHS.items()]
    fields += ['utm: aux."utm.source"', 'seen: aux."first seen"', "source: 'tracsync'"]
    return f"{{{', '.join(fields)}}}"


def _glom() -> Ways:
    """Optional fields stay, as null."""
    library = import_module("glom")

    def one(path: Any) -> Any:
        return library.Coalesce(path, default=None)

    spec = {name: one(path) for name, path in PATHS.items()}
    spec |= {"utm": one(library.Path("aux", "utm.source")), "seen": one("aux.first seen")}
    spec["source"] = library.Val("tracsync")
    glommer = library.Glommer()
    return {"20 fields": lambda sources: glommer.glom(sources["profile"], spec)}


def _json_logic() -> Ways:
    logic = import_module("json_logic").jsonLogic

    def var(path: str) -> dict[str, str]:
        return {"var": path}

    visits, country = var("stats.visits"), var("data.address.country")
    rules: dict[str, Any] = {
        "presence and numbers": {
            "and": [
                {"!==": [var("data.contact.email.business"), None]},
                {"or": [{">": [visits, 3]}, {"===": [var("traits.vip"), True]}]},
            ]
        },
        "ranges": {"and": [{"<=": [5, visits, 50]}, {"in": [country, ["PL", "DE", "FR"]]}]},
    }
    return {name: _with_profile(partial(logic, rule)) for name, rule in rules.items()}


def _cel() -> Ways:
    library = import_module("celpy")
    environment = library.Environment()
    texts = {
        "presence and numbers": "has(profile.data.contact.email.business)"
        " && (profile.stats.visits > 3 || (has(profile.traits.vip) && profile.traits.vip == true))",
        "lists and texts": '"gold" in profile.segments && profile.consents.marketing == true'
        ' && !profile.data.contact.email.main.endsWith("@test.example")',
        "ranges": "profile.stats.visits >= 5 && profile.stats.visits <= 50"
        ' && profile.data.address.country in ["PL", "DE", "FR"]',
    }
    programs = {name: environment.program(environment.compile(text)) for name, text in texts.items()}
    return {name: _converted(program.evaluate, library.json_to_cel) for name, program in programs.items()}


def _converted(evaluate: Way, convert: Way) -> Way:
    """Each profile is converted once, when it is first seen."""
    known: dict[int, Any] = {}

    def way(sources: Any) -> Any:
        profile = sources["profile"]
        if id(profile) not in known:  # kept with its conversion, so that no other takes its number
            known[id(profile)] = profile, {"profile": convert(profile)}
        return bool(evaluate(known[id(profile)][1]))

    return way


def _with_profile(search: Way) -> Way:
    return lambda sources: search(sources["profile"])


PEERS: dict[str, Callable[[], Ways]] = {
    "rule-engine": _rule_engine,
    "jmespath": _jmespath,
    "glom": _glom,
    "panzi-json-logic": _json_logic,
    "cel-python": _cel,
}
