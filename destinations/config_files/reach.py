"""How many profiles a change of the configuration reaches; estimated as before saving in the admin."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from destinations.config_files.documents import Kind
from destinations.config_files.plan import Number, Plan, Reach
from destinations.configuration import saving
from destinations.connectors.base import ConnectorError
from destinations.insight import review
from destinations.insight.estimate import Estimate, Estimates
from destinations.models import Destination, ProfileSync, Resource
from tracsync.common.encryption import UndecryptableValue

MOST_SECONDS: Final = 20.0  # for all destinations of a plan; each takes 3 at most

Rows = Mapping[tuple[Kind, str], Any]


def measure(plan: Plan, befores: Rows, afters: Rows) -> None:
    """Add to each step which profiles it reaches. To be called when the plan is rolled back."""
    ends_at = time.monotonic() + MOST_SECONDS
    for step in plan.changes:
        if step.action == "delete":
            continue
        for before, after in _destinations(step.kind, step.slug, befores, afters):
            if time.monotonic() > ends_at:
                unknown = "as counting the others took long"
                step.reach.append(Reach(str(after.slug), unknown=unknown))
            else:
                step.reach.append(_reach(before, after))


def left_behind(destination: Destination) -> Reach:
    """What a deleted destination has sent stays in the other system, and nobody knows of it any more."""
    count = ProfileSync.objects.filter(destination=destination, synced_version__isnull=False).count()
    return Reach(str(destination.slug), {"left": Number(count, count, count)})


def _destinations(
    kind: Kind, slug: str, befores: Rows, afters: Rows
) -> Iterator[tuple[Destination | None, Destination]]:
    """What sends otherwise than before: as it is, and as it would be."""
    before, after = befores.get((kind, slug)), afters[kind, slug]
    if isinstance(after, Resource):
        if before is not None and (before.production, before.test) != (after.production, after.test):
            for destination in before.destinations.defer("settings"):  # which perhaps no key opens
                if ("destinations", destination.slug) not in afters or not _differs(
                    befores.get(("destinations", destination.slug)), afters["destinations", destination.slug]
                ):
                    moved = copy.copy(destination)
                    moved.resource = after
                    yield destination, moved
    elif _differs(before, after):
        yield before, after if before is not None else _unsaved(after)


def _differs(before: Destination | None, after: Destination) -> bool:
    return before is None or saving.changes_what_is_sent(before, after)


def _unsaved(destination: Destination) -> Destination:
    destination.pk = None
    return destination


def _reach(before: Destination | None, after: Destination) -> Reach:
    try:
        found = review.count(before, after)
    except (ConnectorError, UndecryptableValue) as error:
        return Reach(str(after.slug), unknown=str(error))
    return Reach(str(after.slug), dict(_numbers(found, is_new=before is None)))


def _numbers(found: Estimates, *, is_new: bool) -> Iterator[tuple[str, Number]]:
    always = ("meet", review.NEW), *(() if is_new else (("start", review.STARTS), ("stop", review.STOPS)))
    for name, held in (*always, ("sent", review.PUSHED)):
        yield name, _number(found[held])
    for name, held in (("removed", review.REMOVED), ("refused", review.REFUSED)):
        if found.held[held]:
            yield name, _number(found[held])


def _number(estimate: Estimate) -> Number:
    low, high = estimate.margins
    return Number(estimate.about, low, high)
