"""Small charts of pushes over time, drawn on the server: bars of what was accepted and what was not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from math import ceil, inf

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.insight.statistics import Figures, Period, sent
from tracsync.common.numbers import grouped, short
from tracsync.common.times import at

WIDTH, HEIGHT = 168, 36  # units of the drawing; every number of bars divides the width
LEAST = 2  # what was few is still seen
GAP = 1


@dataclass(frozen=True, slots=True)
class Bar:
    """What failed stands on what was accepted."""

    x: float
    width: float
    accepted_y: float
    accepted: float
    failed_y: float
    failed: float


@dataclass(frozen=True, slots=True)
class Chart:
    key: str
    title: str
    description: str
    total: str
    rate: str
    bars: list[Bar]
    width: int = WIDTH
    height: int = HEIGHT


def chart(key: str, period: Period, figures: Figures, now: datetime) -> Chart:
    """`key` is unique on its page."""
    total = ngettext("%(count)s push", "%(count)s pushes", figures.sent) % {"count": grouped(figures.sent)}
    rate = percent(figures.success_rate)
    return Chart(
        f"{key}-{period.name}",
        titles()[period.name],
        _description(period, figures, now),
        total if figures.sent else _("nothing sent"),
        _("%(rate)s accepted") % {"rate": rate} if rate else "",
        _bars(figures),
    )


def titles() -> dict[str, str]:
    return {"hour": _("Last hour"), "day": _("Last day"), "week": _("Last week")}


def percent(share: float | None) -> str:
    """100 % is only said of all, and 0 % of none."""
    if share is None:
        return ""
    shown = min(99.9, max(0.1, round(share * 100, 1))) if 0 < share < 1 else share * 100
    return f"{short(shown)} %"


def delay(figures: Figures) -> str:
    """Within which times half and nearly all pushes were sent after being due."""
    half, most = figures.delay(0.5), figures.delay(0.95)
    if half is None or most is None:
        return ""
    return _("half %(half)s, 95 %% %(most)s") % {"half": _within(half), "most": _within(most)}


def _within(seconds: float) -> str:
    """Rounded up, so that it stays true."""
    if seconds == inf:
        return _("later than 2 h")
    if seconds < 60:
        return _("within %(seconds)s s") % {"seconds": short(seconds)}
    minutes = ceil(seconds / 60)
    return _("within %(minutes)s min") % {"minutes": minutes}


def _description(period: Period, figures: Figures, now: datetime) -> str:
    since = at(period.since(now))
    if not figures.sent:
        return _("Nothing was sent since %(time)s.") % {"time": since}
    most = max(range(period.bars), key=lambda n: sent(figures.bars[n]))
    text = ngettext(
        "%(count)s push since %(time)s, %(rate)s accepted;"
        " the most in one bar are %(most)s, from %(from)s on.",
        "%(count)s pushes since %(time)s, %(rate)s accepted;"
        " the most in one bar are %(most)s, from %(from)s on.",
        figures.sent,
    )
    return text % {
        "count": grouped(figures.sent),
        "time": since,
        "rate": percent(figures.success_rate),
        "most": grouped(sent(figures.bars[most])),
        "from": at(period.since(now) + period.bar * most),
    }


def _bars(figures: Figures) -> list[Bar]:
    most = max(map(sent, figures.bars), default=0)
    step = WIDTH / max(1, len(figures.bars))
    return [_bar(n * step, step - GAP, bar, most) for n, bar in enumerate(figures.bars) if sent(bar)]


def _bar(x: float, width: float, counts: Counter[str], most: int) -> Bar:
    failed = _height(sent(counts) - counts["accepted"], most)
    accepted = min(_height(counts["accepted"], most), HEIGHT - failed)
    return Bar(x, width, HEIGHT - accepted, accepted, HEIGHT - accepted - failed, failed)


def _height(count: int, most: int) -> float:
    return max(LEAST, round(count / most * HEIGHT, 1)) if count else 0
