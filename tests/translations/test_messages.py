"""Whatever the engine, the connectors, the notation and imports say is a message, and is read in German."""

import ast
import re
from functools import partial
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape
from rest_framework.test import APIClient

from destinations import configuration
from destinations.connectors import registry
from destinations.connectors.base import Rejected, Retry
from destinations.connectors.http import replies
from destinations.models import ProfileSync
from destinations.notation import NotationError, parse_condition, parse_template
from destinations.scheduler import loop
from profiles.imports.models import ImportJob
from tests.cases import for_each
from tracsync.common.messages import message, pack
from tracsync.common.translation import translated
from tracsync.models import ApiToken

ROOT = Path(__file__).resolve().parents[2]
WRITERS = sorted(
    path
    for room in ("destinations", "profiles", "tracsync/common")
    for path in (ROOT / room).rglob("*.py")
    if not {"migrations", "testing.py"} & {*path.parts}
)
# What takes a reason: by position and by name. Texts of MismatchError may be templates themselves.
REASONS = {
    **dict.fromkeys(("Retry", "Rejected", "Unknown", "Skip", "Refuse"), (0, "reason")),
    "Accepted": (1, "detail"),
    **dict.fromkeys(("ConnectorError", "ConfigurationError", "Unreachable", "UnknownConnector"), (0, "")),
    **dict.fromkeys(("NotSent", "NoAnswer", "UnwritableError", "UndecryptableValue"), (0, "message")),
    **dict.fromkeys(("InvalidDocument", "UnusableFile", "BrokenArray"), (0, "")),
    "NotationError": (0, "message"),
    "Written": (4, "error"),
    "Record": (3, "error"),
    "unusable": (1, "reason"),
    "refuse": (1, "error"),
}


def bare_texts(code):
    """The lines where a reason is text of its own instead of a message."""
    tree = ast.parse(code)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    scopes = [(tree, tree.body), *((one, one.body) for one in functions.values())]
    for scope, body in scopes:
        for node in _own(body):
            for reason in _reasons(node):
                yield from _bare(reason, scope, tree, functions, ())


def _own(body):
    """The nodes of a body, without those of functions within it."""
    for node in body:
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _own(node.body if isinstance(node, ast.ClassDef) else ast.iter_child_nodes(node))


def _reasons(node):
    name = _name(node.func) if isinstance(node, ast.Call) else ""
    if name in REASONS:
        place, keyword = REASONS[name]
        yield from node.args[place : place + 1]
        yield from (one.value for one in node.keywords if one.arg in (keyword, "hint"))


def _name(node):
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _bare(node, scope, tree, functions, seen):
    """Follows names to what they are given, and calls of the module's own functions to what they return."""
    follow = []
    if isinstance(node, ast.JoinedStr | ast.BinOp) or (isinstance(node, ast.Constant) and node.value):
        yield node.lineno
    elif isinstance(node, ast.IfExp):
        follow = [node.body, node.orelse]
    elif isinstance(node, ast.BoolOp):
        follow = node.values
    elif isinstance(node, ast.Call) and _name(node.func) in ("join", "format"):
        yield node.lineno
    elif isinstance(node, ast.Call) and _name(node.func) in functions and _name(node.func) not in seen:
        scope, seen = functions[_name(node.func)], (*seen, _name(node.func))
        follow = [one.value for one in _own(scope.body) if isinstance(one, ast.Return) and one.value]
    elif isinstance(node, ast.Name) and node.id not in seen:
        seen = (*seen, node.id)
        given = [one for place in (scope, tree) for one in _own(place.body) if isinstance(one, ast.Assign)]
        follow = [one.value for one in given if node.id in map(_name, one.targets)]
    for one in follow:
        yield from _bare(one, scope, tree, functions, seen)


@for_each("path", WRITERS)
def test_no_reason_is_bare_text(path):
    assert list(bare_texts(path.read_text())) == [], "say it with tracsync.common.messages.message"


@pytest.mark.parametrize(
    "code",
    [
        'Retry(f"answered {status}")',
        'def push(self):\n return [Rejected(reason="no", exchange=None)]',
        'def send():\n words = "it " + said\n raise Unreachable(words)',
        'def why(x):\n return f"{x} is gone"\ndef send():\n raise InvalidDocument(why(1))',
        'WORDS = "gone"\ndef send():\n raise NotationError(WORDS)',
        'NotationError(message("no"), hint="try this")',
        'Refuse("; ".join(all))',
        'Skip(summary or "not wanted")',
    ],
)
def test_bare_texts_are_found(code):
    assert list(bare_texts(code))


def calls(name):
    for path in WRITERS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) == name and isinstance(node.func, ast.Name):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_template_is_literal_and_has_its_values():
    """Only then the catalogue has it. What is given later, by `with_values`, has none of them yet."""
    wrong = []
    for place, node in calls("message"):
        template, given = node.args[0], {one.arg for one in node.keywords}
        if place.startswith(("tracsync/common/messages.py", "destinations/notation/values.py")):
            continue
        if not isinstance(template, ast.Constant):
            wrong.append(place)
        elif given and None not in given and given != set(re.findall(r"%\((\w+)\)s", template.value)):
            wrong.append(f"{place} {template.value}")
    assert wrong == []


def test_the_values_of_a_mismatch_are_those_of_its_template():
    wrong = []
    for place, node in calls("MismatchError"):
        template, given = node.args[0].value, {one.arg for one in node.keywords} - {"side"}
        if given | {"subject"} != set(re.findall(r"%\((\w+)\)s", template)):
            wrong.append(f"{place} {template}")
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profile@a = ", ["Die Bedingung endet zu früh", "Zeile 1, Spalte", "Hier möglich:"]),
        ("profile@a == 1 OR profile@b == 2 AND profile@c == 3", ["gemischt", "Hinweis: Setzen Sie Klammern"]),
        ("visits > 3", ["visits ist weder Feld noch Wert noch Schlüsselwort", "Hinweis:"]),
        ("len(profile@a) > 3", ["Es gibt keine Funktion"]),
        ("substring('a') == 'b'", ["substring() nimmt 2 bis 3 Argumente, nicht 1"]),
        ("datetime('x') > now()", ["dieses Argument ist nicht als Datum zu lesen"]),
    ],
)
def test_a_mistake_in_a_condition_is_explained_line_by_line(text, words):
    with pytest.raises(NotationError) as caught:
        parse_condition(text)
    with translation.override("de"):
        german = translated(str(caught.value))
    assert all(word in german for word in words), german
    assert len(german.splitlines()) == len(str(caught.value).splitlines())


def test_a_mistake_in_a_mapping_keeps_its_place():
    with pytest.raises(NotationError) as caught:
        parse_template({"a": {"$formula": "unknown(profile@a)"}})
    with translation.override("de"):
        assert translated(str(caught.value)).startswith('$.a["$formula"]: Es gibt keine Funktion unknown')


def test_why_a_condition_is_not_met_is_said_in_german():
    condition = parse_condition('profile@a > 3 AND profile@b == "salt and profile@c is missing"')
    summary = condition.explain({"profile": {"a": 2, "b": "x"}}).summary()
    with translation.override("de"):
        assert translated(summary) == "nicht erfüllt: profile@a ist 2, verlangt ist > 3"
    unmet = (
        parse_condition("NOT (profile@a > 3) AND profile@b EXISTS").explain({"profile": {"a": 4}}).why_not()
    )
    with translation.override("de"):
        assert translated(unmet) == "profile@a > 3 ist erfüllt und sollte es nicht sein"


ANSWERED = message("answered %(status)s: %(said)s", status=422, said="no <mail>")
READ = [
    (Rejected(ANSWERED), "antwortete mit 422: no <mail>"),
    (
        Retry(message("not tried: %(reason)s", reason=ANSWERED)),
        "nicht versucht: antwortete mit 422: no <mail>",
    ),
    (Rejected("an outside connector's own words"), "an outside connector's own words"),
]


@pytest.mark.django_db
class TestRead:
    """In the admin by a German, by the API in English."""

    @pytest.fixture
    def push(self, frozen, recording, make_destination, make_profile):
        def push(*answers, **fields):
            make_destination(**fields)
            make_profile()
            recording.script(*answers)
            frozen.forward(20)
            while loop.tick():
                pass
            return ProfileSync.objects.get()

        return push

    @pytest.fixture
    def api(self):
        token, text = ApiToken.generate("tests")
        token.save()
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        return lambda path: client.get(path, headers={"Accept-Language": "de"}).json()["results"]

    @pytest.fixture
    def page(self, admin_client):
        def page(name, *args):
            answer = admin_client.get(reverse(f"admin:{name}", args=args), headers={"Accept-Language": "de"})
            return answer.content.decode()

        return page

    @pytest.mark.parametrize(("answer", "german"), READ)
    def test_what_came_of_a_push(self, push, api, page, answer, german):
        sync = push(answer)
        german = escape(german)
        assert german in page("destinations_deliveryattempt_changelist")
        assert german in page("destinations_profilesync_change", sync.pk)
        [attempt], [pair] = api("/api/v1/attempts/"), api("/api/v1/syncs/")
        assert attempt["reason"] == pair["last_error"] == answer.reason
        assert answer.reason in pair["reason"]

    def test_why_a_profile_is_not_wanted(self, push, api, page):
        sync = push(prerequisites="profile@mail EXISTS AND profile@name EXISTS")
        assert "profile@mail fehlt" in page("destinations_profilesync_change", sync.pk)
        assert api("/api/v1/syncs/")[0]["reason"].startswith("not sent: profile@mail is missing")

    def test_what_a_person_has_to_mend(self, push, api, page):
        destination = push(mapping={"a": {"$formula": "round(profile@id)"}}).destination
        assert "profile@id ist Text, nötig ist eine Zahl" in page(
            "destinations_destination_change", destination.pk
        )
        [answer] = api("/api/v1/destinations/")
        assert "profile@id is text, where a number is needed" in answer["health"]["problem"]

    def test_what_was_done_by_whom(self, push, page, admin_client):
        destination = push().destination
        configuration.save(destination)
        page_of = partial(page, "destinations_destination_history", destination.pk)
        assert "die Befehlszeile" in page_of()
        admin_client.post(reverse("admin:destinations_destination_backfill", args=[destination.pk]))
        assert "Nachholen verlangt" in page_of()
        admin_client.post(reverse("admin:destinations_destination_pause", args=[destination.pk]))
        assert "Angehalten" in page_of()

    def test_an_import(self, page):
        refused = message("id must be text, not %(kind)s", kind=message("a number"))
        job = ImportJob.objects.create(
            name="a.csv", phase="ready", refused=1, errors=[[3, pack(refused)]], problem=message("not UTF-8")
        )
        german = page("profiles_importjob_change", job.pk)
        assert "id muss Text sein, nicht eine Zahl" in german
        assert "nicht UTF-8" in german


def test_the_most_frequent_message_is_made_once():
    """Almost every push by HTTP is accepted with it."""
    assert replies._answered(200) is replies._answered(200)


def test_the_name_of_a_system_is_no_english_sentence():
    """It is shown as it is in every language."""
    english = {"and", "or", "with", "of", "for", "the", "from"}
    names = {slug: registry.get(slug).name for slug in registry.slugs()}
    assert {slug: name for slug, name in names.items() if english & {*name.lower().split()}} == {}
