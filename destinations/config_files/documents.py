"""Files with a configuration, or a folder of them, read into what they say of resources and destinations."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final, Literal

from destinations.config_files import yaml_reader
from destinations.config_files.places import InvalidConfiguration, Path, Problem
from destinations.config_files.yaml_reader import DEEPEST, YAMLError
from destinations.notation import line_of, lines_of
from profiles import documents
from profiles.documents import InvalidDocument

JSON = Any
Kind = Literal["resources", "destinations"]

KINDS: Final[tuple[Kind, ...]] = ("resources", "destinations")
VERSION_KEY: Final = "tracsync"
VERSION: Final = 1
ENDINGS: Final = (".yaml", ".yml", ".json")
MOST_BYTES: Final = 4_000_000  # of all files together
MOST_FILES: Final = 5_000
STDIN: Final = "-"


@dataclass(slots=True)
class Document:
    """One file, or what a program sent: then `file` is "" and nobody knows lines."""

    file: str
    value: JSON
    lines: Mapping[str, int] | None = None  # by JSON paths

    def problem(self, path: Path, sentence: str) -> Problem:
        return Problem(self.file, self._line(path), path, sentence)

    def _line(self, path: Path) -> int:
        return 0 if self.lines is None else line_of(self.lines, path)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file says of one resource or destination."""

    kind: Kind
    slug: str
    fields: dict[str, JSON]
    document: Document

    def problem(self, sentence: str, *below: str | int) -> Problem:
        return self.document.problem((self.kind, self.slug, *below), sentence)


@dataclass(slots=True)
class Configuration:
    """`kinds`: of which anything is said; only of these something can be missing."""

    entries: list[Entry] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)

    def of(self, kind: Kind) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == kind]


def load(paths: Sequence[str]) -> Configuration:
    """Files, folders (every file in them that ends like one) or "-" for the standard input, as one.

    Raises InvalidConfiguration with all that is wrong with their form.
    """
    problems: list[Problem] = []
    read: list[Document] = []
    left = MOST_BYTES
    for name in _names(paths):
        try:
            raw = _bytes(name, left)
            left -= len(raw)
            read.append(_document(raw, name))
        except InvalidConfiguration as error:
            problems += error.problems
    if problems:
        raise InvalidConfiguration(problems)
    return gathered(read)


def gathered(read: Iterable[Document]) -> Configuration:
    """All documents as one. Raises InvalidConfiguration."""
    found, problems = Configuration(), list[Problem]()
    places: dict[tuple[str, str], Problem] = {}
    for document in read:
        for entry in _entries(document, found.kinds, problems):
            key = (entry.kind, entry.slug)
            here = entry.problem("")
            if (other := places.setdefault(key, here)) is not here:
                problems.append(entry.problem(f"it stands in {other.file}, line {other.line}, too"))
            found.entries.append(entry)
    if not problems and not found.kinds:
        problems.append(Problem("", 0, (), f"there is nothing in it: write {' or '.join(KINDS)}"))
    if problems:
        raise InvalidConfiguration(problems)
    return found


def unknown(name: str, known: Iterable[str], what: str = "key") -> str:
    """Says that there is no such thing, and which is probably meant."""
    known = list(known)
    near = difflib.get_close_matches(name[:100], known, 1)
    hint = f"is {near[0]} meant?" if near else f"known are {', '.join(known)}"
    return f"there is no such {what}: {hint}"


def _names(paths: Sequence[str]) -> list[str]:
    names: list[str] = []
    for path in paths:
        if path != STDIN and FilePath(path).is_dir():
            found = sorted(one for one in FilePath(path).rglob("*") if _is_ours(one, FilePath(path)))
            if not found:
                raise InvalidConfiguration(
                    [Problem(path, 0, (), f"no file in this folder ends in {', '.join(ENDINGS)}")]
                )
            names += map(str, found)
        else:
            names.append(path)
    if len(names) > MOST_FILES:
        raise InvalidConfiguration([Problem("", 0, (), f"there are more than {MOST_FILES:,} files")])
    return names


def _is_ours(path: FilePath, folder: FilePath) -> bool:
    """Hidden folders, such as git's, are others'."""
    parts = path.relative_to(folder).parts
    return path.suffix in ENDINGS and path.is_file() and not any(part.startswith(".") for part in parts)


def _bytes(name: str, most: int) -> bytes:
    try:
        if name == STDIN:
            raw = sys.stdin.buffer.read(most + 1)
        else:
            with FilePath(name).open("rb") as file:
                raw = file.read(most + 1)
    except OSError as error:
        raise InvalidConfiguration(
            [Problem(name, 0, (), f"it cannot be read: {error.strerror or 'unknown reason'}")]
        ) from None
    if len(raw) > most:
        raise InvalidConfiguration(
            [Problem(name, 0, (), f"there are more than {MOST_BYTES // 1_000_000} MB in all files together")]
        )
    return raw


def _document(raw: bytes, name: str) -> Document:
    file = "standard input" if name == STDIN else name
    try:
        text = raw.decode("utf-8-sig")
        if name.endswith(".json"):
            value = documents.parse(text, unique_keys=True, most=MOST_BYTES)
            document = Document(file, value, lines_of(text))
            check_depth(document)
            return document
        value, lines = yaml_reader.read(text)
        return Document(file, value, lines)
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(
            [Problem(file, 0, (), f"it is not written in UTF-8: byte {error.start + 1} cannot be read")]
        ) from None
    except YAMLError as error:
        raise InvalidConfiguration([Problem(file, error.line, (), str(error))]) from None
    except InvalidDocument as error:
        raise InvalidConfiguration([Problem(file, 0, (), str(error))]) from None


def check_depth(document: Document) -> None:
    """Raises InvalidConfiguration for what is nested deeper than YAML may be."""
    level: list[JSON] = [document.value]
    for _depth in range(DEEPEST + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise InvalidConfiguration(
        [document.problem((), f"it has more than {DEEPEST} levels of objects and lists")]
    )


def _entries(document: Document, kinds: set[Kind], problems: list[Problem]) -> Iterator[Entry]:
    value = document.value
    if not isinstance(value, dict):
        sentence = f"it must be an object with the keys {', '.join((VERSION_KEY, *KINDS))}"
        problems.append(document.problem((), sentence))
        return
    if value.get(VERSION_KEY) != VERSION or isinstance(value.get(VERSION_KEY), bool):
        sentence = f"write {VERSION_KEY}: {VERSION}, the version of this format"
        problems.append(document.problem((VERSION_KEY,), sentence))
    known = (VERSION_KEY, *KINDS)
    problems += (document.problem((key,), unknown(key, known)) for key in value if key not in known)
    for kind in KINDS:
        if kind not in value:
            continue
        kinds.add(kind)
        items = value[kind]
        if not isinstance(items, dict):
            problems.append(document.problem((kind,), "it must be an object of slugs and fields"))
            continue
        for slug, fields in items.items():
            entry = Entry(kind, slug, fields, document)
            if not isinstance(fields, dict):
                problems.append(entry.problem("it must be an object of fields and values"))
                continue
            try:
                documents.canonical(fields)
            except InvalidDocument as error:
                problems.append(entry.problem(str(error)))
                continue
            yield entry
