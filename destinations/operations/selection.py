"""What a person chose to have sent again: filters as plain parameters, and the rows that they stand for.

A choice is a dict of texts, as it stands in the address of a list: {"of": "attempts", "destination": "3",
"outcome__exact": "rejected"}. It can be stored and read back later; whatever is not understood is refused,
because a filter that is ignored would choose more than anybody saw. Programs say it in JSON, see `of`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.insight import attempt_search
from destinations.insight.attempt_search import ChosenIds, DestinationChoice
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from tracsync.common.times import at, check_years, midnight

BATCH_SIZE = 2000
LOOKED_THROUGH = 50_000  # attempts at a time
# What programs call the filters, the types of their values, and the lists that have them.
NAMES: dict[str, tuple[str, type, tuple[str, ...]]] = {
    "destination": ("destination", int, ("syncs", "attempts")),
    "profile": ("q", str, ("syncs", "attempts")),
    "profile_begins": ("q", str, ("syncs", "attempts")),
    "state": ("state__exact", str, ("syncs",)),
    "owed": ("owed", bool, ("syncs",)),
    "since_from": ("state_since_from", str, ("syncs",)),
    "since_to": ("state_since_to", str, ("syncs",)),
    "outcome": ("outcome__exact", str, ("attempts",)),
    "operation": ("operation", str, ("attempts",)),
    "code": ("code", str, ("syncs", "attempts")),
    "field": ("field", str, ("syncs", "attempts")),
    "status": ("status", str, ("attempts",)),
    "at_from": ("at__gte", str, ("attempts",)),
    "at_to": ("at__lt", str, ("attempts",)),
    "took_ms": ("took", int, ("attempts",)),
    "reason": ("error", str, ("attempts",)),
}


class InvalidChoice(ValueError):
    """It names something that is not there, or says something that is not understood."""


class Day(forms.Field):
    """The moment at which a day of the reader begins, or is over; a stored choice has the moment itself."""

    def __init__(self, label: Any, is_over: bool = False) -> None:
        super().__init__(label=label, required=False)
        self.days = timedelta(days=1 if is_over else 0)

    def to_python(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            moment = parse_datetime(value) if _is_moment(value) else None
            moment = moment or midnight(date.fromisoformat(value) + self.days)
        except (ValueError, OverflowError):
            raise forms.ValidationError(_("Write a day as 2026-03-01.")) from None
        check_years(moment)
        return moment


class SyncFilters(forms.Form):
    """Those of the list of profile syncs, by the names that they have in its address."""

    q = forms.CharField(label=gettext_lazy("Profile"), required=False, max_length=256)
    destination = DestinationChoice()
    state__exact = forms.ChoiceField(
        label=gettext_lazy("State"), required=False, choices=[("", ""), *ProfileSync.State.choices]
    )
    owed = forms.ChoiceField(
        label=gettext_lazy("Waiting"),
        required=False,
        choices=[("", ""), ("yes", gettext_lazy("yes")), ("no", gettext_lazy("no"))],
    )
    state_since_from = Day(gettext_lazy("State since, from"))
    state_since_to = Day(gettext_lazy("State since, before"), is_over=True)
    code = forms.CharField(label=gettext_lazy("Code"), required=False, max_length=50)
    field = forms.CharField(label=gettext_lazy("Field"), required=False, max_length=255)
    by_name = attempt_search.by_name()
    ids = ChosenIds()


FILTERS: dict[str, type[forms.Form]] = {"attempts": attempt_search.AttemptFilters, "syncs": SyncFilters}


@dataclass(frozen=True, slots=True)
class Choice:
    """`of`: "attempts" or "syncs". `parameters`: as they were given. `found`: what they mean."""

    of: str
    parameters: dict[str, str]
    found: dict[str, Any]

    def as_dict(self) -> dict[str, str]:
        """To be stored: moments with their zone, whichever zone they were typed in."""
        found = {name: self.found[name] for name in self.parameters}
        moments = {name: value.isoformat() for name, value in found.items() if isinstance(value, datetime)}
        return {"of": self.of, **self.parameters, **moments}

    def at(self, destination_id: int) -> Choice:
        """Of these, those at one destination. Raises InvalidChoice."""
        return read({**self.as_dict(), "destination": destination_id})

    def words(self) -> list[tuple[str, str]]:
        """The filters and what they ask for, as people read them."""
        said = []
        for name, value in self.parameters.items():
            field: Any = FILTERS[self.of]().fields[name]
            if name == "ids":
                said.append((_("Chosen one by one"), str(len(self.found["ids"]))))
            elif name != "destination":
                found, choices = self.found[name], dict(getattr(field, "choices", ()))
                shown = at(found) if isinstance(found, datetime) else str(choices.get(value, value))
                said.append((str(field.label), shown))
        return said


def read(given: Mapping[str, Any]) -> Choice:
    """A choice from its dict. Raises InvalidChoice."""
    if given.get("ids") == "":
        raise InvalidChoice(_("Nothing is selected."))
    parameters = {name: str(value) for name, value in given.items() if value not in ("", None)}
    of = parameters.pop("of", "")
    if of not in FILTERS:
        raise InvalidChoice(_("It is not known what was chosen from."))
    form = FILTERS[of](parameters)
    if unknown := sorted(set(parameters) - set(form.fields)):
        raise InvalidChoice(_("There is no such filter: %(names)s.") % {"names": ", ".join(unknown)[:200]})
    if not form.is_valid():
        name, [problem, *_more] = next(iter(form.errors.items()))
        raise InvalidChoice(f"{name}: {problem}")
    return Choice(of, parameters, form.cleaned_data)


def read_request(said: Any) -> Choice:
    """A choice from JSON: an object of some of NAMES, all of which must hold. Raises InvalidChoice.

    `state` and `owed` choose among profile syncs; an attempt's outcome and the like among attempts.
    """
    if not isinstance(said, dict) or not said:
        raise InvalidChoice(_("Say which: by destination, state, outcome or another part of a choice."))
    if unknown := sorted(set(said) - set(NAMES)):
        text = _("There is no choice by %(names)s; known are: %(known)s.")
        raise InvalidChoice(text % {"names": ", ".join(unknown)[:200], "known": ", ".join(NAMES)})
    lists = [one for one in ("syncs", "attempts") if all(one in NAMES[name][2] for name in said)]
    if not lists:
        raise InvalidChoice(_("Choose by the state of profile syncs or by attempts, not by both."))
    parameters = {NAMES[name][0]: _parameter(name, value) for name, value in said.items()}
    # Code and field alone are those of attempts; with a state, of the last error.
    of = lists[-1] if {"code", "field"} & set(said) else lists[0]
    return read({"of": of, **parameters})


def said(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored choice as programs say it, see `of`. What was ticked in a list is `syncs` or `attempts`.

    Nothing is checked or looked up.
    """
    names = {parameter: name for name, (parameter, *_rest) in NAMES.items()}
    values = {names[name]: value for name, value in stored.items() if name in names and name != "q"}
    if "q" in stored:
        is_whole = stored["q"].startswith("=")
        values["profile" if is_whole else "profile_begins"] = stored["q"].removeprefix("=")
    if "ids" in stored:
        values[stored["of"]] = [int(id) for id in stored["ids"].split(",")]
    return {name: _value(name, value) for name, value in values.items()}


def _value(name: str, value: Any) -> Any:
    if name == "owed":
        return value == "yes"
    return int(value) if name in NAMES and NAMES[name][1] is int else value


def _parameter(name: str, value: Any) -> str:
    """As it stands in the address of a list."""
    if name == "destination" and isinstance(value, str):
        value = _by_slug(value)
    if type(value) is not NAMES[name][1] or value == "":
        raise InvalidChoice(_("This is not a value for “%(name)s”.") % {"name": name})
    if name.startswith(("at_", "since_")) and not _is_moment(str(value)):
        raise InvalidChoice(_("“%(name)s” needs a date and time with its zone.") % {"name": name})
    if name == "owed":
        return "yes" if value else "no"
    return f"={value}" if name == "profile" else str(value)


def _by_slug(slug: str) -> int:
    pk = Destination.objects.filter(slug=slug).values_list("pk", flat=True).first() if slug else None
    if pk is None:
        raise InvalidChoice(_("There is no destination with the slug “%(slug)s”.") % {"slug": slug[:200]})
    return pk


def _is_moment(value: str) -> bool:
    try:
        moment = parse_datetime(value)
    except ValueError:
        return False
    return moment is not None and is_aware(moment)


def next_rows(choice: Choice, after: Any = None, most: int | None = None) -> tuple[list[int], Any]:
    """The ids of the next profile syncs that are chosen, each once, and where to go on; None: at the end.

    `after` is what the last call gave, plain enough to be stored as JSON. `most`: fewer than BATCH_SIZE.
    """
    size = BATCH_SIZE if most is None else min(most, BATCH_SIZE)
    return (_next_by_attempt if choice.of == "attempts" else _next_by_row)(choice, after, size)


def totals(choice: Choice) -> dict[int, int]:
    """How many are chosen at each destination, by its id."""
    chosen: QuerySet[Any] = syncs(choice) if choice.of == "syncs" else attempt_search.matching(choice.found)
    groups = chosen.order_by().values("destination").annotate(count=Count("profile", distinct=True))
    return {group["destination"]: group["count"] for group in groups}


def all_rows(choice: Choice) -> list[int]:
    """The ids of all that are chosen, where they are few."""
    return [pk for ids in _batches(choice) for pk in ids]


def syncs(choice: Choice) -> QuerySet[ProfileSync]:
    """The rows of a choice among profile syncs."""
    found, rows = choice.found, ProfileSync.objects.all()
    if found["ids"]:
        rows = rows.filter(pk__in=found["ids"])
    if found["destination"]:
        rows = rows.filter(destination=found["destination"].pk)
    if found["state__exact"]:
        rows = rows.filter(state=found["state__exact"])
    rows = rows.filter(**{name: found[name] for name in ("code", "field") if found[name]})
    if found["owed"]:
        rows = rows.filter(due_at__isnull=found["owed"] == "no")
    if found["state_since_from"]:
        rows = rows.filter(state_since__gte=found["state_since_from"])
    if found["state_since_to"]:
        rows = rows.filter(state_since__lt=found["state_since_to"])
    if term := found["q"].strip():
        profiles = attempt_search.profiles(term, by_name=found["by_name"])
        rows = rows.filter(profile__in=profiles.values("pk"))
    return rows


def pairs(choice: Choice, rows: QuerySet[DeliveryAttempt] | None = None) -> QuerySet[DeliveryAttempt]:
    """The last attempt of each pair of profile and destination among those that are chosen.

    `rows`: only some of those that are chosen.
    """
    chosen = attempt_search.matching(choice.found)
    same = {"profile": OuterRef("profile"), "destination": OuterRef("destination"), "pk__gt": OuterRef("pk")}
    return (chosen if rows is None else rows).filter(~Exists(chosen.filter(**same)))


def latest(choice: Choice) -> QuerySet[DeliveryAttempt]:
    """As `pairs`, newest first, within the reach of a search."""
    within, _end = attempt_search.within_reach(choice.found)
    return pairs(choice, within).order_by("-at", "-pk")


def destinations(choice: Choice, most: int) -> list[int]:
    """The destination of each pair that is chosen, of no more than `most` of them."""
    rows: QuerySet[Any] = syncs(choice).order_by() if choice.of == "syncs" else latest(choice)
    return list(rows.values_list("destination_id", flat=True)[:most])


def _batches(choice: Choice) -> Iterator[list[int]]:
    ids, after = next_rows(choice)
    yield ids
    while after is not None:
        ids, after = next_rows(choice, after)
        yield ids


def _next_by_row(choice: Choice, after: int | None, size: int) -> tuple[list[int], int | None]:
    rows = syncs(choice).order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    ids = list(rows.values_list("pk", flat=True)[:size])
    return ids, ids[-1] if len(ids) == size else None


def _next_by_attempt(
    choice: Choice, after: list[Any] | None, size: int
) -> tuple[list[int], list[Any] | None]:
    """In the order of time, which every index of the attempts ends with.

    No more than LOOKED_THROUGH attempts are looked through, so that no step takes long where few match.
    """
    ahead, rows = (some.order_by("at", "pk") for some in (attempt_search.around(choice.found), pairs(choice)))
    if after is not None:
        at, pk = datetime.fromisoformat(after[0]), int(after[1])
        beyond = Q(at__gt=at) | Q(at=at, pk__gt=pk)
        ahead, rows = ahead.filter(beyond, at__gte=at), rows.filter(beyond, at__gte=at)
    end = next(iter(ahead.values_list("at", "pk")[LOOKED_THROUGH - 1 : LOOKED_THROUGH]), None)
    if end is not None:
        rows = rows.filter(Q(at__lt=end[0]) | Q(at=end[0], pk__lte=end[1]), at__lte=end[0])
    found = list(rows.values_list("at", "pk", "destination_id", "profile_id")[:size])
    stop = found[-1][:2] if len(found) == size else end
    return _rows_of(found), None if stop is None else [stop[0].isoformat(), stop[1]]


def _rows_of(found: list[tuple[Any, ...]]) -> list[int]:
    """The profile syncs of attempts: (..., destination, profile)."""
    profiles: dict[int, list[str]] = {}
    for *_rest, destination, profile in found:
        profiles.setdefault(destination, []).append(profile)
    ids: list[int] = []
    for destination, chosen in profiles.items():
        rows = ProfileSync.objects.filter(destination=destination, profile__in=chosen).order_by()
        ids += rows.values_list("pk", flat=True)
    return ids
