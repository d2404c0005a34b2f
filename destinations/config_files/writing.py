"""A configuration as text: YAML that is read again as it was, or JSON; one file, or a folder of them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from destinations.config_files import yaml_reader
from destinations.config_files.documents import ENDINGS, KINDS, VERSION, VERSION_KEY

JSON = Any
FORMATS: Final = ("yaml", "json")


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


_OTHER_BREAKS: Final = re.compile("[\r\x85\u2028\u2029]")  # which would be read as others, or as blanks


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _OTHER_BREAKS.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
# What YAML 1.2 takes for a number and YAML 1.1 does not, such as 1e5, is quoted where it is a text.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(rf"(?:{yaml_reader.NUMBER.pattern})\Z"), list("+-.0123456789")
)


def dumped(value: JSON, format: str) -> str:
    if format == "json":
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=sys.maxsize)


def write_file(path: FilePath, content: Mapping[str, JSON]) -> None:
    """By its ending as JSON or YAML. Raises OSError."""
    path.write_text(dumped(content, "json" if path.suffix == ".json" else "yaml"), encoding="utf-8")


def write_folder(folder: FilePath, content: Mapping[str, JSON], format: str) -> list[FilePath]:
    """A file for each resource and each destination, named by its slug, and one more if there are none.

    Answers the files of others of the same kind that are there already: of what has another slug now, or is
    here no more. Raises OSError.
    """
    written = set[FilePath]()
    for path, document in _documents(folder, content, format):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dumped(document, format), encoding="utf-8")
        written.add(path)
    known = (path for kind in KINDS for path in sorted((folder / kind).glob("*")))
    return [path for path in known if path.suffix in ENDINGS and path not in written]


def _documents(
    folder: FilePath, content: Mapping[str, JSON], format: str
) -> Iterator[tuple[FilePath, Mapping[str, JSON]]]:
    for kind in KINDS:
        if not content[kind]:
            yield folder / f"{kind}.{format}", {VERSION_KEY: VERSION, kind: {}}
        for slug, fields in content[kind].items():
            yield folder / kind / f"{slug}.{format}", {VERSION_KEY: VERSION, kind: {slug: fields}}
