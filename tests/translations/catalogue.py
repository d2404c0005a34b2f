"""The German catalogue: what has to be in it, and the files that it is made of; and an English one of the few
sentences of Django that are said in other words.

    .venv/bin/python tests/translations/catalogue.py

brings django.po up to date with the strings of the code, and django.mo of both languages with django.po. It
needs no gettext.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
PO = ROOT / "tracsync" / "locale" / "de" / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
ENGLISH = ROOT / "tracsync" / "locale" / "en" / "LC_MESSAGES" / "django.po"  # is written by hand
ROOMS = ("tracsync", "profiles", "destinations")
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop", "message", "MismatchError")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
}
# Whatever changes by itself would make a difference in git at every run.
HEADER = "# The German catalogue of tracsync. How to change it: docs/architecture.md, Languages."
MADE = datetime(2026, 1, 1)


def wanted() -> Catalog:
    """All strings that people may see, as the code has them now."""
    catalog = Catalog(domain="django")
    for path, message, context in _strings():
        catalog.add(message, locations=[(path, 0)], context=context)
    return catalog


def _strings() -> Iterator[tuple[str, Any, str | None]]:
    for path in sorted((ROOT / "destinations" / "connectors" / "manifests").glob("*.json")):
        content = json.loads(path.read_bytes())
        shown = ("credentials", "settings", "payload", "presets", "answers", "check", "results")
        asking = [content.get(part, {}) for part in ("read", "fields", "poll")] + content.get("steps", [])
        rules = [one.get("answers") for one in asking]
        texts = [content["description"], *_texts([*(content.get(part) for part in shown), *rules])]
        yield from ((str(path.relative_to(ROOT)), text, None) for text in texts)
    for path in _files():
        name = str(path.relative_to(ROOT))
        code = path.read_bytes()
        if path.suffix == ".html":
            code = _calls(templatize(code.decode(), origin=name)).encode()
        for _line, function, messages, _comments in extract_python(io.BytesIO(code), KEYWORDS, [], {}):
            texts = messages if isinstance(messages, tuple) else (messages,)
            context = texts[0] if function.startswith("p") else None
            texts = [text for text in texts[1 if context else 0 :] if text]
            if texts:
                is_plural = function.startswith("n") and len(texts) > 1
                yield name, tuple(texts[:2]) if is_plural else texts[0], context


def _texts(value: Any) -> Iterator[str]:
    """What a manifest says to people, and not what it sends; what answers fill in is said as it is."""
    if isinstance(value, dict):
        said = [value[name] for name in ("name", "title", "description", "hint", "says") if name in value]
        yield from (text for text in said if isinstance(text, str) and "{{" not in text)
        yield from _texts([inner for name, inner in value.items() if name not in ("mapping", "request")])
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _files() -> list[Path]:
    code = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]
    return sorted([*code, *(ROOT / "templates").rglob("*.html")])


def _calls(code: str) -> str:
    """What Django leaves of a template are calls between words; without indentation that is Python."""
    return "\n".join(line.strip() for line in code.splitlines())


def stored(path: Path = PO) -> Catalog:
    with path.open("rb") as file:
        catalog = pofile.read_po(file, locale=path.parts[-3], domain="django")
    catalog.creation_date = catalog.revision_date = MADE
    return catalog


def update() -> Catalog:
    """What is new comes without a translation, what is gone goes."""
    catalog = stored() if PO.exists() else Catalog(locale="de", domain="django")
    catalog.update(wanted(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.header_comment, catalog.project, catalog.version = HEADER, "tracsync", "1"
    catalog.fuzzy, catalog.last_translator, catalog.language_team = False, "tracsync", "German"
    catalog.creation_date = catalog.revision_date = MADE
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        pofile.write_po(file, catalog, width=100, include_lineno=False, sort_output=True)
    return catalog


def compiled(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    mofile.write_mo(file, catalog)
    return file.getvalue()


if __name__ == "__main__":
    updated = update()
    MO.write_bytes(compiled(updated))
    ENGLISH.with_suffix(".mo").write_bytes(compiled(stored(ENGLISH)))
    missing = sum(
        1 for one in updated if one.id and not all(one.string if one.pluralizable else [one.string])
    )
    sys.stdout.write(f"{len(updated)} strings, {missing} of them without a translation\n")
