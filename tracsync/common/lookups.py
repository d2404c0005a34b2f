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
        if connection.vendor == "postgresql":
            kind = self.lhs.output_field.rel_db_type(connection)
            ids = f"= ANY(ARRAY(SELECT json_array_elements_text(%s::json))::{kind}[])"
        else:
            ids = "IN (SELECT value FROM json_each(%s))"
        return f"{column} {ids}", (*params, json.dumps(list(self.rhs)))
