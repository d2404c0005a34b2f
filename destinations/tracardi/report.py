"""What becomes of each record, and what is left for a person to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from destinations.tracardi.counterparts import Findings

Outcome = Literal["created", "changed", "unchanged", "kept", "left out"]


@dataclass(slots=True)
class Entry:
    """`kind`: resource or destination. `outcome` "kept": it is here and is another one, and stays so.

    `detail` says more of the outcome: the type, or which fields are different.
    """

    kind: str
    name: str
    place: str
    outcome: Outcome = "left out"
    detail: str = ""
    is_off: bool = False
    findings: Findings = field(default_factory=Findings)


@dataclass(slots=True)
class Report:
    """`failures`: what cannot be read; with one of them nothing is imported.

    `others`: kinds of records that have no counterpart here, and how many there are. `superseded`: places of
    records, by kind and id, that are not taken, as another one of the same id comes later.
    """

    entries: list[Entry] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    profiles: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    superseded: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def needing(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.findings.needs]
