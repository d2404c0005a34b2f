"""The engine that is measured: destinations of the scratch installation, changes, and when all is done."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from destinations import configuration
from destinations.models import Destination, Extension, ProfileSync, Resource
from destinations.sync import health
from profiles import changes
from profiles.models import Profile
from tracsync.bench.inside import CannotMeasureError

from .receiving import LOOK_EVERY, PATIENCE, Receiver
from .traffic import MAPPING, Traffic

SHORTEST_QUIET = 2.0  # seconds
WRITTEN_PER_SECOND = 1_000  # at least; so the quiet period is not over before all is written
WARM_UP = 400  # profiles: each worker process gets some


def destination(name: str, url: str, **fields: Any) -> Destination:
    """An HTTP destination, switched off until it is measured."""
    return _make(name, "http_api", {"url": url}, **fields)


def queue(name: str, uri: str) -> Destination:
    """A RabbitMQ destination, switched off until it is measured."""
    return _make(name, "rabbitmq", {"uri": uri}, settings={"queue": {"name": name, "routing_key": name}})


def _make(name: str, kind: str, credentials: dict[str, Any], **fields: Any) -> Destination:
    Extension.objects.filter(slug=kind).update(installed_at=timezone.now())
    resource = Resource(name=name, type_id=kind)
    resource.production = credentials
    configuration.save(resource)
    made = Destination(name=name, resource=resource, mapping=MAPPING, enabled=False, **fields)
    configuration.save(made)
    return made


def only(destinations: Sequence[Destination], quiet_period: float) -> None:
    """Switch these on and all others off, with no past: as `save` would, but without catching up."""
    on = Destination.objects.filter(pk__in=[one.pk for one in destinations])
    Destination.objects.exclude(pk__in=on).update(enabled=False)
    on.update(enabled=True, quiet_period=quiet_period)
    for one in destinations:
        one.enabled, one.quiet_period = True, quiet_period
        health.resumed(one)


def quiet_period(profiles: int) -> float:
    """Long enough for so many to be written before the first is due."""
    return SHORTEST_QUIET + profiles / WRITTEN_PER_SECOND


def write(documents: Sequence[dict[str, Any]]) -> datetime:
    """Write these documents in bulk, as if all of them had changed at one moment; that moment.

    To write them takes longer than the engine may need for them: it would be waiting for changes.
    """
    began = timezone.now()
    changes.write([changes.change_from(document) for document in documents])
    moment = timezone.now()
    changed = Profile.objects.filter(changed_at__gte=began)
    changed.update_marks(changed_at=moment, first_changed_at=moment)
    return moment


def wait_until_recorded() -> None:
    """Until nothing is waiting for a destination that is on. Raises CannotMeasureError if it never ends."""
    least, ends_at = math.inf, 0.0
    while waiting := _waiting():
        if waiting < least:
            least, ends_at = waiting, time.monotonic() + PATIENCE
        elif time.monotonic() > ends_at:
            raise CannotMeasureError(
                f"nothing has been recorded for {PATIENCE:.0f} s; still waiting: {waiting}"
            )
        time.sleep(LOOK_EVERY)


def _waiting() -> int:
    waiting = ProfileSync.objects.filter(due_at__isnull=False, destination__enabled=True)
    return waiting.count() + Profile.objects.filter(first_changed_at__isnull=False).count()


def warm_up(receiver: Receiver) -> None:
    """Until the workers run and have all they need; what comes first is not measured."""
    one = Destination.objects.filter(name="warm-up").first()
    one = one or destination("warm-up", receiver.path("warm-up"))
    only([one], SHORTEST_QUIET)
    # Others each time: what is there already would be no change.
    states, documents = Traffic(f"warm-up-{Profile.objects.count()}", WARM_UP).next_round()
    write(documents)
    receiver.wait_for(states)
    wait_until_recorded()
    receiver.forget()
