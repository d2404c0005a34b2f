"""The measurement in its scratch installation: `python -m tracsync.bench.scale_run OPTIONS`, by `scale`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from time import perf_counter
from typing import Any


def main(text: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracsync.settings")
    import django

    django.setup()
    from django.core.management import call_command

    _say(measuring="nothing yet: making the tables")
    call_command("migrate", verbosity=0)
    sections = measure(json.loads(text), lambda what: _say(measuring=what))
    _say(sections=[asdict(section) for section in sections])


def measure(options: dict[str, Any], progress: Callable[[str], None]) -> list[Any]:
    """Every section, in an order in which none is in another's way."""
    from tracsync.bench import scale_engine, scale_fill, scale_pages, scale_push, scale_sink
    from tracsync.bench.report import Section
    from tracsync.bench.scale_sizes import sizes

    scale_sink.install()
    profiles, repetitions = options["profiles"], options["repetitions"]
    progress(f"nothing yet: writing {profiles:,} profiles and {3 * profiles:,} profile syncs")
    started = perf_counter()
    filled = scale_fill.Sizes(profiles, options["owed"], options["few"], options["attempts"])
    crm, shop, mail = destinations = scale_fill.fill(filled)
    tables = sizes(f"written in {perf_counter() - started:,.0f} s")

    progress("pages")
    pages = scale_pages.pages(destinations, profiles)
    progress("claims")
    note = f"{options['few']:,} and {options['owed']:,} owed of {3 * profiles:,} rows; a batch of {_batch()}"
    claims = Section("claiming a batch", scale_engine.CLAIM_COLUMNS, note=note)
    claims.rows.append(scale_engine.claims("as filled", shop, crm, repetitions))
    memory = scale_push.memory(crm, min(options["pushes"], options["owed"] // 2 or 1), progress)
    pushed = f"after {memory.rows[-1][0]:,} pushes, not vacuumed by us"
    claims.rows.append(scale_engine.claims(pushed, shop, crm, repetitions))
    progress("backfills and settling")
    batches = max(1, repetitions // 4)
    asking = scale_engine.requesting(mail)
    advancing = scale_engine.backfilling(mail, profiles, batches)
    settling = scale_engine.settling(profiles, batches)
    progress("live changes during a backfill")
    lag = scale_push.lag(mail, profiles, options["seconds"], each=0.05)
    measured = [claims, settling, asking, advancing, lag, memory, *pages, tables]
    return [_aims(claims, memory, pages[0]), *measured]


def _aims(claims: Any, memory: Any, admin: Any) -> Any:
    from tracsync.bench.report import Section

    ratio = max(row[3] for row in claims.rows)
    slowest = max(row[2] for row in admin.rows)
    grown = memory.rows[-1][1] - memory.rows[0][1]
    section = Section("aims", ("what", "aim", "measured", "met"))
    for what, aim, value, met in (
        ("claiming out of many, times out of few", "2 at most", ratio, ratio <= 2),
        ("the slowest page of the admin, seconds", "less than 1", slowest, slowest < 1),
        ("memory that the pushes added, MB", "less than 10", grown, grown < 10),
    ):
        section.rows.append((what, aim, float(value), "yes" if met else "no"))
    return section


def _batch() -> int:
    from django.conf import settings

    return int(settings.TRACSYNC_BATCH_SIZE)


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
