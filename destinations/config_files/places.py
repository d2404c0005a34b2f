"""What is wrong in a file, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Path = tuple[str | int, ...]

MOST_TOLD: Final = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """`file` is "" and `line` 0 where a program sent it; `path` is `()` for the whole.

    `sentence` says what is wrong and what to do, and repeats no secret.
    """

    file: str
    line: int
    path: Path
    sentence: str

    def __str__(self) -> str:
        where = [self.file, f"line {self.line}" if self.line else "", dotted(self.path)]
        return f"{', '.join(filter(None, where)) or 'the configuration'}: {self.sentence}"


class InvalidConfiguration(Exception):
    """It cannot be used; `problems` says where and why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems[:MOST_TOLD])
        super().__init__("\n".join(map(str, self.problems)))


def dotted(path: Path) -> str:
    """As people read it: destinations.crm.mapping.tags[0]."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text
