"""docs/notation.md is run: every example states its result.

- `data`: the sources of all examples after it, as JSON.
- `condition`: conditions, each ending in `→ true`, `→ false` or `→ error: message`.
- `template`: JSON, a line `→`, and what is rendered; or `→ error: message`.
- `formula`: formulas, each ending in `→` and what it gives as JSON.
- `places`: a template, a line `→`, and each place of its payload with where it comes from.
- `python`: runs, and asserts what it says.
- `explain`: a condition, and lines `→ sentence` with values and without.
"""

import json
import re
from pathlib import Path

from destinations.notation import NotationError, functions, parse_condition, parse_template
from tests.cases import for_each

PAGE = Path(__file__).parents[2] / "docs" / "notation.md"


def examples():
    """(kind, source, expected, data) of each example of the page."""
    data = None
    for kind, body in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S):
        if kind == "data":
            data = json.loads(body)
        elif kind == "python":
            yield kind, body, "", data
        elif kind in ("condition", "formula"):
            for text, expected in re.findall(r"((?:.|\n)+?)\s+→ (.+)\n", body):
                yield kind, text, expected, data
        elif kind == "explain":
            for text, *sentences in re.findall(r"(.+)\n→ (.+)\n→ (.+)\n", body):
                yield kind, text, sentences, data
        else:
            yield kind, *(part.strip() for part in body.split("→", 1)), data


def outcome(run):
    try:
        return json.dumps(run())
    except NotationError as error:
        return f"error: {str(error).splitlines()[0]}"


def line_of(place):
    missing = f" (missing: {', '.join(place.missing)})" if place.missing else ""
    because = f", because {', '.join(place.because)}" if place.because else ""
    return f"{place.path}: {place.outcome}, {place.source}{', cast' if place.cast else ''}{missing}{because}"


@for_each(("kind", "source", "expected", "data"), list(examples()))
def test_example(kind, source, expected, data):
    if kind == "condition":
        assert outcome(lambda: parse_condition(source).evaluate(data)) == expected
    elif kind == "formula":
        template = parse_template({"$formula": source})
        assert outcome(lambda: template.render(data)) == json.dumps(json.loads(expected))
    elif kind == "places":
        explanation = parse_template(json.loads(source)).explain(data)
        assert [line_of(place) for place in explanation.places] == expected.splitlines()
    elif kind == "python":
        exec(compile(source, str(PAGE), "exec"), {})
        functions.forget()
    elif kind == "explain":
        explanation = parse_condition(source).explain(data)
        assert [explanation.summary(show_values=True), explanation.summary(show_values=False)] == expected
    else:
        assert kind == "template"
        expected = expected if expected.startswith("error") else json.dumps(json.loads(expected))
        assert outcome(lambda: parse_template(json.loads(source)).render(data)) == expected


def test_the_page_has_examples_of_each_kind():
    kinds = [kind for kind, *_ in examples()]
    assert {kind for kind in kinds if kinds.count(kind) > 1} >= {
        "condition",
        "template",
        "explain",
        "formula",
    }


def test_the_page_names_all_functions():
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in functions.names() if f"`{name}(" not in page] == []
