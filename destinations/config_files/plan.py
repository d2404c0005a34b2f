"""What an import would do, or has done."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from destinations.config_files.differences import Difference
from destinations.config_files.documents import Kind

Action = Literal["create", "change", "delete", "unchanged"]


@dataclass(frozen=True, slots=True)
class Number:
    """Of profiles, with its margins where it is estimated of some of them."""

    about: int
    low: int
    high: int

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.about:,}"
        return f"about {self.about:,} ({self.low:,} to {self.high:,})"


@dataclass(frozen=True, slots=True)
class Reach:
    """Which profiles a change reaches at a destination, by what holds for them; see plan_display.

    Without `numbers` that is not known, and `unknown` says why.
    """

    destination: str
    numbers: dict[str, Number] = field(default_factory=dict)
    unknown: str = ""


@dataclass(slots=True)
class Step:
    """`revision`: of the row that was compared, 0 for a new one. `reach`: what comes of it for profiles.
    `reshapes`: whether something else is sent than before, which a backfill brings to all profiles.
    """

    kind: Kind
    slug: str
    name: str
    action: Action
    differences: list[Difference] = field(default_factory=list)
    revision: int = 0
    reshapes: bool = False
    reach: list[Reach] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """`installs`: slugs of extensions that are not installed yet."""

    steps: list[Step] = field(default_factory=list)
    installs: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[Step]:
        return [step for step in self.steps if step.action != "unchanged"]

    @property
    def fingerprint(self) -> str:
        """The same for the same files and the same rows; another one after any edit of these rows."""
        told = [
            (step.kind, step.slug, step.action, step.revision, [*map(dataclasses.astuple, step.differences)])
            for step in self.steps
        ]
        text = json.dumps([told, self.installs], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def as_json(self) -> dict[str, Any]:
        """No secret is in it. What stays as it is is only counted."""
        return {
            "fingerprint": self.fingerprint,
            "unchanged": len(self.steps) - len(self.changes),
            "installs": self.installs,
            "changes": [dataclasses.asdict(step) for step in self.changes],
        }
