"""Times as people read them: in the current zone, and how far away they are."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

JUST_NOW = timedelta(seconds=1)
YEARS = range(1900, 9001)


def check_years(moment: datetime) -> None:
    """For forms: the first and last days of the calendar do not exist in every time zone."""
    if moment.year not in YEARS:
        text = _("Write a year between %(first)s and %(last)s.")
        raise ValidationError(text % {"first": YEARS[0], "last": YEARS[-1]}, code="year")


def midnight(day: date) -> datetime:
    """When a day begins in the current time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


def at(moment: datetime) -> str:
    """A moment in the current time zone; the day only where it is not today."""
    local = timezone.localtime(moment)
    is_today = local.date() == timezone.localdate()
    return local.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")


def duration(value: timedelta) -> str:
    """Of two units at most: 45 s, 12 min, 3 h 20 min, 2 d 4 h. The symbols are the same in all languages."""
    seconds = round(value.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if hours == 0:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days == 0 else f"{days} d {hours % 24} h"


def relative(moment: datetime, now: datetime | None = None) -> str:
    """How far away it is: 5 min ago, in 12 s."""
    distance = moment - (now or timezone.now())
    if abs(distance) < JUST_NOW:
        return _("just now")
    if distance > timedelta(0):
        return _("in %(duration)s") % {"duration": _countdown(distance)}
    return _("%(duration)s ago") % {"duration": duration(-distance)}


def _countdown(distance: timedelta) -> str:
    """To the second while somebody may be waiting for it."""
    seconds = math.ceil(distance.total_seconds())
    if 60 < seconds < 300 and seconds % 60:
        return f"{seconds // 60} min {seconds % 60} s"
    return duration(timedelta(seconds=seconds))


def told(moment: datetime, now: datetime | None = None) -> str:
    """For sentences: the time, and how far away it is."""
    return f"{at(moment)} ({relative(moment, now)})"


def shown(moment: datetime | None, missing: str = "-") -> str:
    """For lists and panels: the time, beside it how far away it is, and with its day and zone as a title."""
    if moment is None:
        return missing
    local = timezone.localtime(moment)
    html = '<time datetime="{}" title="{}">{}</time> <span class="tracsync-ago">{}</span>'
    full = local.strftime("%Y-%m-%d %H:%M:%S %Z")
    return format_html(html, local.isoformat(timespec="seconds"), full, at(moment), relative(moment))
