"""The one exception of this package, and how it shows people the place of a mistake."""

from __future__ import annotations

from collections.abc import Iterable

from tracsync.common.messages import joined, message

WINDOW = 60  # characters shown on either side of the mistake when a line is long


class NotationError(ValueError):
    """A condition or template that cannot be read, or that the data does not allow to be answered.

    `message` says what is wrong, `hint` what to do about it, `expected` what would be possible at the
    place. `line` and `column` count from 1 and are None where no place is known; `path` is the JSON path
    of the place within a template (`$.tags[1]`) and None for conditions. Messages raised while evaluating
    name paths and types only, never the values of a profile: they are stored and logged.
    """

    def __init__(
        self,
        message: str,
        text: str | None = None,
        offset: int | None = None,
        hint: str | None = None,
        expected: Iterable[str] = (),
        path: str | None = None,
    ) -> None:
        self.message = message
        self.text = text
        self.offset = offset
        self.hint = hint
        self.expected = tuple(expected)
        self.path = path
        super().__init__(message, text, offset, hint, self.expected, path)  # these args make it picklable

    def placed(self, text: str, shift: int = 0, path: str | None = None) -> NotationError:
        """The same error, known to be at `shift` + its offset of `text`; what is known already stays."""
        if self.text is not None:
            text, shift = self.text, 0
        offset = None if self.offset is None else self.offset + shift
        return NotationError(self.message, text, offset, self.hint, self.expected, self.path or path)

    @property
    def line(self) -> int | None:
        return None if self._place is None else self._place[0]

    @property
    def column(self) -> int | None:
        return None if self._place is None else self._place[1]

    @property
    def _place(self) -> tuple[int, int] | None:
        """Found when it is asked for: `try` drops errors by the thousand."""
        return None if self.text is None or self.offset is None else line_and_column(self.text, self.offset)

    @property
    def sentence(self) -> str:
        """The message with its path."""
        if self.path is None:
            return self.message
        return message("%(path)s: %(reason)s", path=self.path, reason=self.message)

    def __str__(self) -> str:
        lines = [self.sentence]
        if self.line is not None and self.text is not None and self.offset is not None:
            lines.append(message("line %(line)s, column %(column)s:", line=self.line, column=self.column))
            lines += _marked(self.text, self.offset)
        if self.expected:
            lines.append(message("possible here: %(pieces)s", pieces=joined(", ", self.expected)))
        if self.hint:
            lines.append(message("hint: %(reason)s", reason=self.hint))
        return joined("\n", lines)


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """From 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def _marked(text: str, offset: int) -> list[str]:
    """The line around `offset`, shortened if it is long, and a `^` under the place."""
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    end = len(text) if end < 0 else end
    left, right = max(start, offset - WINDOW), min(end, offset + WINDOW)
    before = ("…" if left > start else "") + text[left:offset]
    after = text[offset:right] + ("…" if right < end else "")
    return ["  " + _printable(before + after), "  " + " " * len(before) + "^"]


def _printable(text: str) -> str:
    """One column for each character, so that the marker stands under its place."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
