"""What files, commands and the API call a destination or a resource: short, stable, unique in its kind."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any, Final

from django.core.validators import RegexValidator
from django.db import models
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

LONGEST: Final = 100
_FROM_NAME: Final = 60  # characters: there is room for a number
_FORM: Final = re.compile(r"\A(?=.*[a-z])[a-z0-9]+(?:[-_][a-z0-9]+)*\Z")
BATCH_SIZE: Final = 500

# A number alone would be taken for an id.
is_slug = RegexValidator(
    _FORM,
    _("Small letters without accents, digits, and single - or _ between them; not only digits."),
)


class StableSlugField(models.CharField):
    """Made from the name where nobody gives one. Null only in rows that the release before has stored."""

    def __init__(self, *args: Any, **options: Any) -> None:
        given = {"max_length": LONGEST, "null": True, "blank": True, "unique": True, "validators": [is_slug]}
        super().__init__(*args, **{**given, **options})


def made_from(name: str, kind: str, taken: Container[str]) -> str:
    """A slug for this name that is not taken; of a name without any letter it is the kind and a number."""
    base = slugify(name)[:_FROM_NAME].strip("-_")
    base = re.sub(r"[-_]{2,}", "-", base)
    if not _FORM.match(base):
        base = f"{kind}-{base}".strip("-")
    slug, number = base, 1
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


def give(row: Any) -> bool:
    """Have a row that has no slug get one; nothing is stored. Whether it had none."""
    if row.slug:
        return False
    kind = row._meta.model_name
    base = made_from(row.name, kind, ())
    others = type(row)._default_manager.filter(slug__startswith=base).exclude(pk=row.pk)
    row.slug = made_from(row.name, kind, set(others.values_list("slug", flat=True)))
    return True


def give_missing(*kinds: Any) -> None:
    """Those that the release before has stored since the new schema is there get theirs."""
    for kind in kinds:
        for row in kind._default_manager.filter(slug=None).only("pk", "name", "slug")[:BATCH_SIZE]:
            give(row)
            kind._default_manager.filter(pk=row.pk, slug=None).update(slug=row.slug)
