"""What a measurement answers: titled tables of numbers, for people and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

Cell = str | int | float | None


@dataclass
class Section:
    """A table: the first column names the row; numbers are shown with three digits."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    note: str = ""


@dataclass
class Report:
    subject: str
    sections: list[Section] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        sections = []
        for one in self.sections:
            rows = [dict(zip(one.columns, row, strict=True)) for row in one.rows]
            sections.append({"title": one.title, "rows": rows, "note": one.note})
        return {"subject": self.subject, "sections": sections}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Report:
        """The same report again, if every section has a row."""
        sections = [
            Section(
                one["title"], tuple(one["rows"][0]), [tuple(row.values()) for row in one["rows"]], one["note"]
            )
            for one in value["sections"]
        ]
        return cls(value["subject"], sections)

    def show(self, console: Console) -> None:
        for section in self.sections:
            table = Table(title=section.title, caption=section.note or None, title_justify="left")
            for position, column in enumerate(section.columns):
                table.add_column(column, justify="left" if position == 0 else "right")
            for row in section.rows:
                table.add_row(*map(_shown, row))
            console.print(table)


def _shown(cell: Cell) -> str:
    if cell is None:
        return "–"  # noqa: RUF001
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell
