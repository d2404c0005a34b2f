"""Moments in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import formats, timezone


def at(moment: datetime) -> str:
    """A moment in the current time zone; the day only where it is not today."""
    local, today = timezone.localtime(moment), timezone.localdate()
    clock = local.strftime("%H:%M:%S")
    return clock if local.date() == today else f"{formats.date_format(local, 'Y-m-d')} {clock}"


def duration(value: timedelta) -> str:
    """Of two units at most: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    seconds = round(value.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if hours == 0:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days == 0 else f"{days} d {hours % 24} h"
