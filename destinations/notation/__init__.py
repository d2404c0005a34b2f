"""Pointing at data, asking about it, and making new data of it.

    parse_condition('profile@stats.visits > 3').evaluate({"profile": {...}})
    parse_template({"email": "profile@data.contact.email.main"}).render({"profile": {...}})

The languages are taught in docs/notation.md. This package is pure Python and knows no other room.
"""

from .conditions import Condition, parse_condition
from .dates import at
from .errors import NotationError
from .explain import Explanation
from .explain_template import Place, TemplateExplanation
from .json_spans import keys_of, line_of, lines_of
from .templates import Template, parse_template

__all__ = [
    "Condition",
    "Explanation",
    "NotationError",
    "Place",
    "Template",
    "TemplateExplanation",
    "at",
    "keys_of",
    "line_of",
    "lines_of",
    "parse_condition",
    "parse_template",
]
