"""In templates and scripts words stand only where they can be translated."""

import re

from tests.cases import for_each
from tests.translations.catalogue import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted([*(ROOT / "tracsync" / "static").rglob("*.js"), *(ROOT / "editor" / "src").glob("*.js")])
BUILT = "editor.js"  # of editor/src and packages, which are given their texts
# What is read by a program, or by Django's own catalogue.
UNREAD = re.compile(
    r"{% (?:block)?comment.*?{% end(?:block)?comment %}|{#.*?#}|<!--.*?-->"
    r"|<(?:script|style|svg).*?</(?:script|style|svg)>|{% block bodyclass %}.*?{% endblock %}"
    r"|{% blocktrans(?:late)?.*?{% endblocktrans(?:late)? %}|{%.*?%}|{{.*?}}",
    re.DOTALL,
)
SPOKEN = re.compile(r'\b(?:aria-label|title|alt)="([^"]*)"')  # placeholders are examples of data
WORD = re.compile(r"[^\W\d_]{2,}")
THE_SAME = {"tracsync", "ms"}
SHOWN = re.compile(
    r"""(?:textContent|innerText|title|placeholder|ariaLabel)\s*=\s*["'`]([^"'`]*)["'`]"""
    r"""|setAttribute\(\s*["'](?:aria-label|title|placeholder)["'],\s*["'`]([^"'`]*)["'`]"""
)


def words(text):
    return [word for word in WORD.findall(re.sub(r"&\w+;", " ", text)) if word not in THE_SAME]


@for_each("path", TEMPLATES)
def test_what_a_template_says_can_be_translated(path):
    text = UNREAD.sub("", path.read_text())
    spoken = " ".join(SPOKEN.findall(text))
    visible = re.sub(r"<[^>]*>", " ", re.sub(r"<(code|pre)\b.*?</\1>", " ", text, flags=re.DOTALL))
    assert words(f"{visible} {spoken}") == []


@for_each("path", [path for path in SCRIPTS if path.name != BUILT])
def test_what_a_script_says_comes_from_the_page(path):
    said = [first or second for first, second in SHOWN.findall(path.read_text())]
    assert [word for text in said for word in words(re.sub(r"\${.*?}", "", text))] == []
