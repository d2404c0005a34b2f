"""A plan of config_import as a terminal shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from destinations.config_files.differences import Difference
from destinations.config_files.fields import WORDS
from destinations.config_files.plan import Action, Plan, Reach, Step
from tracsync.common.installation import command

SIGNS: Final[dict[Action, str]] = {"create": "+", "change": "~", "delete": "-"}
DONE: Final[dict[Action, str]] = {"create": "created", "change": "changed", "delete": "deleted"}
REACHED: Final = {
    "meet": "meet the prerequisites",
    "start": "start to meet them",
    "stop": "stop meeting them",
    "sent": "would be sent by a backfill",
    "removed": "would be removed there by it",
    "refused": "cannot be made or sent",
    "left": "were sent and stay in the other system",
}


def lines(plan: Plan, *, done: bool) -> Iterator[str]:
    """+ is new, ~ changes, - goes."""
    for slug in plan.installs:
        yield f"+ extension {slug} ({'installed' if done else 'to be installed'})"
    for step in plan.changes:
        name = " ".join(step.name.split())  # on one line, or a name could say what no plan says
        called = f" ({name})" if name != step.slug else ""
        yield f"{SIGNS[step.action]} {WORDS[step.kind]} {step.slug}{called}"
        for difference in step.differences:
            yield from (f"    {line}" for line in _difference(step, difference))
        yield from (f"    {_reached(step, reach)}" for reach in step.reach)
    yield _summary(plan, done=done)
    if done:
        yield from _backfills(plan)


def _difference(step: Step, one: Difference) -> Iterator[str]:
    if step.action == "create":
        if one.after not in (None, "", []):
            yield f"{one.path}: {_shown(one.after)}"
    elif isinstance(one.before, str) and isinstance(one.after, str) and "\n" in one.before + one.after:
        yield f"{one.path}:"
        yield from (f"  - {line}" for line in one.before.split("\n"))
        yield from (f"  + {line}" for line in one.after.split("\n"))
    elif one.secret and one.before == one.after:
        yield f"{one.path}: another secret"
    else:
        yield f"{one.path}: {_shown(one.before)} -> {_shown(one.after)}"


def _shown(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _reached(step: Step, reach: Reach) -> str:
    is_its_own = step.kind == "destinations" and reach.destination == step.slug
    where = "profiles" if is_its_own else f"profiles at {reach.destination}"
    if reach.unknown:
        return f"{where}: not known, {reach.unknown}"
    return f"{where}: {', '.join(f'{number} {REACHED[name]}' for name, number in reach.numbers.items())}"


def _summary(plan: Plan, *, done: bool) -> str:
    if not plan.changes:
        return "Nothing to change: everything is as the files have it."
    counts = {action: sum(step.action == action for step in plan.steps) for action in SIGNS}
    if done:
        return f"Applied: {', '.join(f'{counts[one]} {word}' for one, word in DONE.items())}."
    told = ", ".join(f"{count} to {action}" for action, count in counts.items())
    return f"Plan {plan.fingerprint}: {told}. Nothing is changed yet."


def _backfills(plan: Plan) -> Iterator[str]:
    if found := [step.slug for step in plan.steps if step.reshapes]:
        yield "Profiles that do not change are not sent the new way before a backfill:"
        yield from (f"    {command('backfill')} {slug}" for slug in found)
