"""For load balancers and orchestrators: is the process up, and can it do its work?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from destinations.models import Destination
from destinations.scheduler import loop
from destinations.sync import turns
from destinations.sync.limits import accounts
from tracsync.common.installation import command, missing_migrations

Finding = tuple[bool, str]
PUSHED_WITHIN = timedelta(seconds=60)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked, so that a sick database does not restart it."""
    return JsonResponse({"status": "up"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    findings = {name: _find_out(check) for name, check in CHECKS.items()}
    ready = all(ok for ok, _ in findings.values())
    checks = {name: {"ok": ok, "message": message} for name, (ok, message) in findings.items()}
    status = "ready" if ready else "not ready"
    return JsonResponse({"status": status, "checks": checks}, status=200 if ready else 503)


def _find_out(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except DatabaseError:
        return False, "cannot be found out: the database does not answer"


def _database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return False, f"the database cannot be reached ({type(error).__name__}): check DATABASE_URL"
    return True, "the database answers"


def _migrations() -> Finding:
    if missing := missing_migrations():
        return False, f"{missing} migrations are not applied: run {command('migrate')}"
    return True, "all migrations are applied"


def _scheduler() -> Finding:
    if loop.is_alive():
        return True, "a scheduler is alive"
    return False, f"no scheduler has shown itself lately, so changes are not sent: run {command('worker')}"


def _pushes() -> Finding:
    """Whether what is due is pushed: workers that are alive may hang all the same."""
    now = timezone.now()
    due = turns.earliest_due(now)
    waiting = [one for one in turns.ready(now, due) if not accounts.has_rates(one, now)]
    since = [
        max(moment, _rested_until(one)) for one in waiting for moment in due[one.pk] if moment is not None
    ]
    # While no worker takes what is claimed for it, claims end and are made anew, and nothing else is due.
    since += [max(moment, _rested_until(one)) for one, moment in turns.queued(now)]
    oldest = min(since, default=now)
    if now - oldest < PUSHED_WITHIN or turns.has_started_since(now - PUSHED_WITHIN):
        return True, "what is due is being pushed"
    seconds = round((now - oldest).total_seconds())
    return False, f"a push has been due for {seconds} seconds, and none has begun: restart the workers"


def _rested_until(destination: Destination) -> datetime:
    """When the last rest of a destination or its account was over: nothing was to be sent before."""
    health, account = turns.health_of(destination), accounts.account_of(destination)
    rests = [one.held_until for one in (health, account) if one is not None and one.held_until is not None]
    return max(rests, default=destination.created_at)


CHECKS = {"database": _database, "migrations": _migrations, "clock": _scheduler, "pushes": _pushes}
