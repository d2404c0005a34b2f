"""Conditions and templates against hand-written functions and other libraries, in one run."""

from __future__ import annotations

import platform
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import partial
from statistics import geometric_mean, median
from time import thread_time
from typing import Any

from destinations.notation import parse_condition, parse_template

from .notation_cases import CONDITIONS, TEMPLATES, Case
from .notation_peers import Ways, installed
from .report import Report, Section
from .sample_profiles import people
from .timing import rates

HELP = "conditions and templates per second, against hand-written functions and other libraries"
NOTATION = "notation"
BY_HAND = ("safe, by hand", "trusting, by hand")
PARSED = (
    "profile@data.contact.email.business EXISTS AND (profile@stats.visits > {} OR profile@traits.vip == true)"
    ' AND profile@segments CONTAINS "gold" AND lowercase(profile@traits.nick) NOT IN ["zed", "bob", "ann"]'
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--profiles", type=int, default=1_000, help="how many profiles are generated (1000)")
    parser.add_argument("--repetitions", type=int, default=15, help="how often each is measured (15)")
    parser.add_argument(
        "--budget", type=float, default=0.05, help="seconds a slow library gets each time (0.05)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the generated profiles (1)")


def run(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    """Raises AssertionError if the hand-written functions do not say the same as the notation."""
    full = [{"profile": profile} for profile in people(options["profiles"], options["seed"])]
    sparse = [{"profile": profile} for profile in people(options["profiles"], options["seed"], sparse=True)]
    peers = installed()
    measure = partial(_measured, repetitions=options["repetitions"], budget=options["budget"])
    report = Report("notation")
    for title, cases in (("conditions", CONDITIONS), ("templates", TEMPLATES)):
        progress(title)
        section = _section(f"{title}, full profiles", cases, full, peers, measure)
        report.sections.append(section)
        progress(f"{title}, sparse profiles")
        report.sections.append(_section(f"{title}, sparse profiles", cases, sparse, {}, measure))
    progress("parsing")
    report.sections.append(_parsing(options["repetitions"]))
    return report


_Measure = Callable[[Case, Sequence[Any], Ways], dict[str, float]]


def _section(
    title: str, cases: Sequence[Case], profiles: Sequence[Any], peers: Any, measure: _Measure
) -> Section:
    """Rates of each case, and how many times faster the notation is than each other way."""
    columns = ("case", NOTATION, *(f"× {name}" for name in (*BY_HAND, *peers)))  # noqa: RUF001
    section = Section(f"{title}: times faster than ...", columns)
    ratios: dict[str, list[float]] = {}
    for case in cases:
        found = measure(
            case, profiles, {name: ways[case.name] for name, (_, ways) in peers.items() if case.name in ways}
        )
        times = {name: found[NOTATION] / rate for name, rate in found.items()}
        for name, ratio in times.items():
            ratios.setdefault(name, []).append(ratio)
        section.rows.append((case.name, round(found[NOTATION]), *(times.get(n) for n in (*BY_HAND, *peers))))
    means = [geometric_mean(ratios[name]) if name in ratios else None for name in (*BY_HAND, *peers)]
    section.rows.append(("all (geometric mean)", None, *means))
    versions = ", ".join(f"{name} {number}" for name, (number, _) in peers.items())
    section.note = (
        f"{len(profiles)} profiles, Python {platform.python_version()}; first column per second; {versions}"
    )
    return section


def _measured(
    case: Case, profiles: Sequence[Any], others: Ways, repetitions: int, budget: float
) -> dict[str, float]:
    ours = _ours(case)
    by_hand = dict(zip(BY_HAND, (case.safe, case.trusting), strict=True))
    for sources in profiles:
        for way in by_hand.values():
            answers = ours(sources), way(sources)
            assert answers[0] == answers[1], (case.name, answers)
    ways = {NOTATION: ours, **by_hand, **others}
    return rates(ways, profiles, repetitions, budget)


def _ours(case: Case) -> Callable[[Any], Any]:
    if isinstance(case.notation, str):
        return parse_condition(case.notation).evaluate
    return parse_template(case.notation).render


def _parsing(repetitions: int) -> Section:
    """Each text is new, so that no cache helps."""
    parse_condition(PARSED.format(0))
    taken = []
    for number in range(1, repetitions * 10):
        started = thread_time()
        parse_condition(PARSED.format(number))
        taken.append(thread_time() - started)
    length = len(PARSED.format(1))
    return Section(
        "parsing a new condition", ("characters", "milliseconds"), [(str(length), 1000 * median(taken))]
    )
