"""What a project without tracsync has: a model with a JSON document, and nothing else.

Its table is made where something is measured, never by a migration: nothing but measurements uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from django.db import connection, models

from profiles.documents import MAX_ID_LENGTH


class PlainProfile(models.Model):
    id = models.CharField(primary_key=True, max_length=MAX_ID_LENGTH)
    document = models.JSONField()
    objects: ClassVar[models.Manager[PlainProfile]] = models.Manager()

    class Meta:
        app_label = "bench"  # of no installed app: no migration ever sees it

    def __str__(self) -> str:
        return self.id


@contextmanager
def table() -> Iterator[None]:
    """With the table; it is gone afterwards."""
    with connection.schema_editor() as editor:
        editor.create_model(PlainProfile)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(PlainProfile)
