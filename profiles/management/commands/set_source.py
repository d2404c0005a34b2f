"""Say which source profiles come from."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.db.models.lookups import Exact

from profiles import sources
from profiles.models import Profile
from tracsync.common import terminal, trail
from tracsync.common.trail import Action

BATCH_SIZE = 500


class Command(terminal.Command):
    help = (
        "Say which source profiles come from, for API tokens that are for one source (create_token --source)."
        " What such a token makes is of its source by itself. Nothing is sent because of it. It is safe to"
        " run it again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="its name, for example shop; - for none")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "--ids", metavar="FILE", help="those of this file, an id a line; - is standard input"
        )
        which.add_argument("--begins-with", metavar="TEXT", help="those whose ids begin with it")
        which.add_argument("--of", metavar="SOURCE", help="those of this source; - for those of none")

    def handle(self, *args: Any, **options: Any) -> None:
        source = _name(options["source"])
        given = missing = 0
        for ids in _pages(options):
            with transaction.atomic():
                found = Profile.objects.filter(pk__among=ids).select_for_update(no_key=True)
                found_ids = list(found.order_by("pk").values_list("pk", flat=True))
                Profile.objects.filter(pk__among=found_ids).update_marks(source=source)
                # With each batch: the file may end in what cannot be read.
                if found_ids:
                    changes = {"source": [None, source]}
                    trail.note(Action.MAINTAINED, named=f"{len(found_ids)} profiles", changes=changes)
            given += len(found_ids)
            missing += len(ids) - len(found_ids)
        self.stdout.write(
            f"{given:,} profiles are of {f'the source {source}' if source else 'no source'} now."
        )
        if missing:
            raise CommandError(f"{missing:,} ids have no profile.", returncode=1)


def _name(text: str) -> str:
    """Raises CommandError."""
    if text == "-":
        return ""
    if not sources.is_name(text):
        raise CommandError(str(sources.NO_NAME))
    return text


def _pages(options: dict[str, Any]) -> Iterator[list[str]]:
    if options["ids"] is not None:
        return _of_file(options["ids"])
    if options["begins_with"] is not None:
        beginning = options["begins_with"]
        if not beginning:
            raise CommandError("--begins-with is blank: that would be all profiles.")
        found = Profile.objects.filter(id__startswith=beginning)
        # The letter case counts everywhere.
        return _of_rows(found.filter(Exact(Left("id", len(beginning)), beginning)))
    source = _name(options["of"])
    return _of_rows(Profile.objects.of_source(source) if source else Profile.objects.filter(source=""))


def _of_rows(profiles: QuerySet[Profile]) -> Iterator[list[str]]:
    last = ""
    while ids := list(profiles.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE]):
        yield ids
        last = ids[-1]


def _of_file(path: str) -> Iterator[list[str]]:
    """Raises CommandError."""
    try:
        with nullcontext(sys.stdin) if path == "-" else open(path, encoding="utf-8-sig") as file:
            ids = filter(None, (line.rstrip("\r\n") for line in file))
            while some := sorted({*islice(ids, BATCH_SIZE)}):
                yield some
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read as UTF-8 text: {error}") from None
