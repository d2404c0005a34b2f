"""The functions of both languages: the built-in ones, and how others add theirs.

    from destinations.notation.functions import TEXT, Function, register

    register(Function("initials", (TEXT,), lambda name: "".join(word[0] for word in name.split())))

    parse_condition('initials(profile@name) == "AL"')
    parse_template({"short": {"$formula": "initials(profile@name)"}})

A package offers functions under the entry point group `tracsync.functions`; docs/notation.md shows how.
"""

from ..values import MISSING, MismatchError
from .function import Function, Parameter
from .parameters import ANY, DATE, INTEGER, LIST, NUMBER, OFFSET, TEXT, TIMESTAMP, ZONE
from .registry import forget, get, names, register

__all__ = [
    "ANY",
    "DATE",
    "INTEGER",
    "LIST",
    "MISSING",
    "NUMBER",
    "OFFSET",
    "TEXT",
    "TIMESTAMP",
    "ZONE",
    "Function",
    "MismatchError",
    "Parameter",
    "forget",
    "get",
    "names",
    "register",
]
