"""A hook of mkdocs: what lies beside docs/ are part of the site, and links to them stay right."""

import os.path
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
BESIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "THREAT_MODEL.md": "THREAT_MODEL.md",
    "SECURITY.md": "SECURITY.md",
    "tests/access/matrix.md": "access-matrix.md",
    "LICENSE": "LICENSE.txt",
    "tracsync/static/tracsync/third-party.txt": "third-party.txt",
}
# The target of a link or a picture, in Markdown and in HTML.
TARGET = re.compile(r"""(?P<before>\]\(|\b(?:src|srcset|href)=")(?P<target>[^)"#\s]+)""")


def on_files(files: Files, config: Any) -> Files:
    for source, shown in BESIDE.items():
        files.append(File.generated(config, shown, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    shown = page.file.src_uri
    source = next((path for path, name in BESIDE.items() if name == shown), f"docs/{shown}")

    def moved(link: re.Match[str]) -> str:
        return link["before"] + _on_the_site(link["target"], source, shown)

    return TARGET.sub(moved, markdown)


def _on_the_site(target: str, source: str, shown: str) -> str:
    """What leads from the page `shown` to where the link `target` of the file `source` leads."""
    file = os.path.normpath(os.path.join(os.path.dirname(source), target))
    there = BESIDE.get(file, file.removeprefix("docs/") if (ROOT / file).exists() else "")
    return os.path.relpath(there, os.path.dirname(shown) or ".") if there else target
