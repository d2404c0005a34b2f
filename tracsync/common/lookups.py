"""`pk__among=ids`: as `pk__in`, with one parameter however many ids there are.

Everything that is pushed is looked up by its id several times, some hundred at once: a parameter for each
costs more than finding the row.
"""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Field, Lookup


@Field.register_lookup
class Among(Lookup):
    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        ids = among(connection, self.lhs.output_field.rel_db_type(connection))
        return f"{column} {ids}", (*params, json.dumps(list(self.rhs)))


def among(connection: Any, kind: str = "varchar") -> str:
    """Of SQL that is written by hand: the condition whose parameter are ids of that kind, as JSON."""
    if connection.vendor == "postgresql":
        return f"= ANY(ARRAY(SELECT json_array_elements_text(%s::json))::{kind}[])"
    return "IN (SELECT value FROM json_each(%s))"
