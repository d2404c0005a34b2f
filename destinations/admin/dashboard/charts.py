"""Small charts of pushes over time, drawn on the server: accepted above the line, what was not below it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from math import ceil, inf

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.base.live import is_look
from destinations.insight.statistics import DAY, PERIODS, Figures, Period, sent
from tracsync.common.numbers import grouped, short
from tracsync.common.times import at

WIDTH, HEIGHT = 336, 56  # units of the drawing; every number of bars divides the width
BELOW = 16  # of the height, for what was not accepted, where there was any
LEAST = 2  # what was few is still seen
GAP = 2
CHOSEN = "tracsync_span"  # in the session


@dataclass(frozen=True, slots=True)
class Bar:
    """Both begin at the line; what was not accepted has a scale of its own, as it is little usually."""

    x: float
    width: float
    accepted_y: float
    accepted: float
    failed: float


@dataclass(frozen=True, slots=True)
class Chart:
    key: str
    title: str
    description: str
    total: str
    rate: str
    bars: list[Bar]
    line: float
    width: int = WIDTH
    height: int = HEIGHT


def chosen(request: HttpRequest, parameter: str) -> Period:
    """What the address names, or else what was chosen last on any page, as long as the session lasts."""
    named, kept = request.GET.get(parameter, ""), request.session.get(CHOSEN, "")
    if named not in PERIODS:
        return PERIODS.get(kept, DAY)
    if named != kept and not is_look(request):  # two open pages do not outdo each other
        request.session[CHOSEN] = named
    return PERIODS[named]


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
        _line(figures),
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


def half_within(figures: Figures) -> str:
    """Within which time half of the pushes were sent after being due; "" where there were none."""
    half = figures.delay(0.5)
    return "" if half is None else _within(half)


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


def _line(figures: Figures) -> float:
    return HEIGHT - BELOW if any(map(failed, figures.bars)) else HEIGHT - 1


def _bars(figures: Figures) -> list[Bar]:
    line = _line(figures)
    most_accepted = max((bar["accepted"] for bar in figures.bars), default=0)
    most_failed = max(map(failed, figures.bars), default=0)
    step = WIDTH / max(1, len(figures.bars))
    bars = []
    for n, counts in enumerate(figures.bars):
        accepted = _height(counts["accepted"], most_accepted, line)
        below = _height(failed(counts), most_failed, BELOW)
        bars.append(Bar(n * step, step - GAP, line - accepted, accepted, below))
    return [bar for bar in bars if bar.accepted or bar.failed]


def failed(counts: Counter[str]) -> int:
    """How many pushes were not accepted, for whatever reason."""
    return sent(counts) - counts["accepted"]


def _height(count: int, most: int, highest: float) -> float:
    return max(LEAST, round(count / most * highest, 1)) if count else 0
