"""The form of http_api: folded by topic, beginning with a preset, and trying its answer rules."""

import json
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.connectors import registry
from destinations.connectors.base import Delivery
from destinations.connectors.http.connector import HttpApi
from destinations.connectors.http.presets import PRESETS
from destinations.insight import answer_trial
from destinations.models import Destination, Extension, Resource
from destinations.notation import parse_template

ADD, CHANGE = "destinations_destination_add", "destinations_destination_change"
REFUSED = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"ok": false, "why": "<b>no</b>"}'
RULES = [
    {"when": {"status": ["5xx"]}, "is": "unknown"},
    {
        "when": {"if": "answer@ok == false"},
        "is": "rejected",
        "code": "invalid_field",
        "says": "{{answer@why}}",
    },
    {"when": {"status": [200]}, "is": "hold"},
]


def test_the_simple_part_is_first_and_the_rest_is_folded(resource, page):
    text = page(ADD, query=f"resource={resource.pk}")
    simple = [text.index(f'name="settings.{name}"') for name in ("method", "path", "headers")]
    folds = text.index("tracsync-topic")
    assert simple == sorted(simple)
    assert simple[-1] < folds < text.index('name="settings.batch.size"')
    assert text.count("<details><summary>") >= 5
    assert 'data-rows="Headers"' in text
    assert "Required." not in text[folds : text.index('name="settings.timeout"')]


def test_a_fold_says_what_is_set(destination, page):
    destination.settings = {**destination.settings, "timeout": 7, "batch": {"size": 50}}
    destination.save()
    text = page(CHANGE, destination.pk)
    present = presents(text)
    assert present["Batches"].startswith("Batch: Size: 50")
    assert present["Connection"].startswith("Timeout: 7; Cookies")
    assert present["Answers"] == "nothing set"


def test_a_fold_says_what_holds_where_nothing_is_set(resource, page, settings):
    settings.TRACSYNC_QUIET_PERIOD, settings.TRACSYNC_MAX_WAIT, settings.TRACSYNC_CONCURRENCY = 20, None, 8
    present = presents(page(ADD, query=f"resource={resource.pk}"))
    assert present["When"] == "waits 20 s, as for all"
    assert present["How fast"] == "8 calls at once: as configured for all"
    assert present["Connection"] == "Timeout: 10, as for all; Verify TLS: yes, as for all"
    assert present["Batches"] == "nothing set", "what would hold of a batch does not hold without one"


def test_a_fold_says_what_holds_for_this_destination(destination, page, settings):
    settings.TRACSYNC_MAX_WAIT = 300
    destination.quiet_period, destination.concurrency = 2.5, 3
    destination.rate_limit, destination.rate_period = 10, "minute"
    destination.save()
    present = presents(page(CHANGE, destination.pk))
    assert present["When"] == "waits 2.5 s; at most 300 s, as for all"
    fast = "3 calls at once: set for this destination; 10 a minute: set for this destination"
    assert present["How fast"] == fast


def test_the_folds_of_a_resource_say_what_is_set_and_no_value(resource, page):
    resource.production = {**resource.production, "oauth2": {"client_secret": "hush-marker"}}
    resource.concurrency, resource.test = 3, {}
    resource.save()
    text = page("destinations_resource_change", resource.pk)
    present = presents(text)
    assert "Client secret" in present["Production credentials: OAuth 2"]
    assert present["Production credentials: AWS"] == present["Test credentials"] == "nothing set"
    assert present["How fast"] == "3 calls at once"
    assert "hush-marker" not in text


def presents(text: str) -> dict[str, str]:
    """What each fold says, by its title."""
    return dict(re.findall(r'>\s*([^<>]+?) <span class="t-present">([^<]*)</span>', text))


@pytest.mark.parametrize("number", range(len(PRESETS)))
def test_a_preset_fills_in_the_form_and_saves_nothing(number, resource, page):
    text = page(ADD, query=f"resource={resource.pk}&preset={number}")
    for value in PRESETS[number].mapping.values():
        assert value in text
    assert ('value="/contacts/{{delivery@remote.id}}"' in text) is (number == 0)
    assert 'aria-current="true"' in text
    assert not Destination.objects.exists()


def test_a_preset_leaves_the_mapping_of_what_is_there(destination, page):
    text = page(CHANGE, destination.pk, query="preset=3")
    assert "/records/batch" in text
    assert "profile@data.contact.email.business" in text
    destination.refresh_from_db()
    assert "batch" not in destination.settings


def test_a_preset_of_another_connector_fills_in_prerequisites_too(page):
    Extension.objects.filter(pk="mautic").update(installed_at=timezone.now())
    resource = Resource.objects.create(name="Mautic", type_id="mautic")
    text = page(ADD, query=f"resource={resource.pk}&preset=0")
    assert "profile@data.contact.email.main EXISTS" in text
    assert "profile@data.pii.lastname" in text


@pytest.mark.parametrize("preset", ["", "99", "-1", "x", "²"])
def test_a_preset_that_there_is_not_is_none(preset, resource, page):
    assert "settings.method" in page(ADD, query=f"resource={resource.pk}&preset={preset}")


@pytest.mark.parametrize("preset", PRESETS, ids=[preset.name for preset in PRESETS])
def test_presets_make_a_request(preset):
    credentials = {
        "url": "https://h.example/api",
        "signing_secrets": ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"],
    }
    document = {"id": "p-1", "traits": {}, "data": {"contact": {"email": {"main": "a@x.example"}}}}
    payload = parse_template(preset.mapping).render({"profile": document})
    shown = HttpApi().describe(credentials, preset.settings, Delivery(payload, "k", key="p-1"))
    assert shown["method"] == "POST"
    assert "p-1" in shown["body"]


@pytest.fixture
def answer(admin_client, destination):
    def tried(text, client=admin_client, **fields):
        form = {"resource": destination.resource_id, "name": "d", "mapping": "{}", "tracsync_answer": text}
        form |= {"settings.answers": json.dumps(RULES), **fields}
        url = reverse("admin:destinations_destination_live_answer")
        return client.post(f"{url}?destination={destination.pk}", form)

    return tried


def test_each_rule_is_tried_against_a_pasted_answer(answer, destination):
    text = answer(REFUSED).content.decode()
    assert "Outcome: rejected" in text
    assert "invalid_field" in text
    assert "&lt;b&gt;no&lt;/b&gt;" in text
    assert "<b>no" not in text
    assert text.index("<td>1</td>") < text.index("<td>no</td>") < text.index("yes: it decides")
    assert text.index("yes: it decides") < text.index("yes, after one that decides")
    destination.refresh_from_db()
    assert "answers" not in destination.settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an answer begins with its status"),
        ("hello", "an answer begins with its status"),
        ("HTTP 99999", "an answer begins with its status"),
        ("503", "Outcome: unknown"),
        ("HTTP 429\nRetry-After: 7", "the destination waits 7 s"),
    ],
)
def test_answers_of_all_kinds(answer, text, said):
    assert said in answer(text, **{"settings.answers": json.dumps(RULES[:1])}).content.decode()


@pytest.mark.parametrize(
    ("operation", "status", "said"),
    [
        ("upsert", 404, "Outcome: rejected</strong> · not_found"),
        ("remove", 404, "nobody to remove"),
        ("erase", 404, "it was not there any more"),
        ("erase", 500, "Outcome: retry"),
        ("nonsense", 404, "Outcome: rejected</strong> · not_found"),
    ],
)
def test_a_rule_for_one_operation_is_tried_as_its_answer(answer, operation, status, said):
    rules = [
        {"when": {"status": [404], "operation": ["remove"]}, "is": "rejected", "says": "nobody to remove"}
    ]
    fields = {"settings.answers": json.dumps(rules), "tracsync_operation": operation}
    text = answer(f"HTTP {status}", **fields).content.decode()
    assert said in text
    assert ("yes: it decides" in text) == (operation == "remove")
    assert "<code>404 · remove</code>" in text


BATCH_RESULTS = {
    "at": "answer@results",
    "by": "key",
    "key": "item@id",
    "match": "ref",
    "error": "why",
    "status": "status",
    "answers": [{"when": {"if": 'answer@why == "late"'}, "is": "retry", "says": "<b>later</b>"}],
}


def test_what_an_answer_says_of_each_of_a_batch_is_tried(answer):
    entries = [
        {"ref": "a"},
        {"ref": "b", "why": "no"},
        {"ref": "c", "why": "late"},
        {"ref": "d", "status": 409},
    ]
    batch = {"settings.batch.size": "10", "settings.batch.results": json.dumps(BATCH_RESULTS)}
    fields = {"settings.answers": "", **batch}
    told = "HTTP 207\n\n" + json.dumps({"results": entries})
    text = answer(told, **fields).content.decode()
    for key, outcome in (("a", "accepted"), ("b", "rejected"), ("c", "retry"), ("d", "rejected · conflict")):
        assert f"<td><code>{key}</code></td><td>{outcome}</td>" in text
    assert "&lt;b&gt;later&lt;/b&gt;" in text
    assert "says nothing of the profiles" in answer("HTTP 200\n\n{}", **fields).content.decode()
    for other in ({"tracsync_operation": "remove"}, {"settings.batch.results": ""}):
        assert "<td><code>a</code></td>" not in answer(told, **{**fields, **other}).content.decode()
    assert "<td><code>a</code></td>" not in answer(told.replace("207", "503"), **fields).content.decode()


def test_rules_of_every_connector_that_has_some_can_be_tried():
    connectors = [one for one in registry.all_connectors() if answer_trial.has_rules(one)]
    assert len(connectors) > 20
    told = 'HTTP 207\n\n[{"status": 400, "code": "X", "error": {"message": "no"}}]'
    for one in connectors:
        for operation in ("upsert", "remove", "erase"):
            for many in (False, True):
                trial = answer_trial.try_answer(one, {}, told, many=many, operation=operation)
                assert trial.outcome


def test_rules_with_a_mistake_are_said(answer):
    wrong = json.dumps([{"when": {"if": "answer@ok ="}, "is": "retry"}])
    assert "answers.0.when.if" in answer("200", **{"settings.answers": wrong}).content.decode()


def test_the_last_real_answer_is_taken(destination, make_attempt, profile, admin_client, allow):
    from destinations.models import ProfileSync

    sync = ProfileSync.objects.create(profile=profile, destination=destination, state="synced")
    make_attempt(sync, outcome="accepted", operation="remove", response="HTTP 201\n\n{}")
    url = f"{reverse('admin:destinations_destination_live_last_answer')}?destination={destination.pk}"
    found = admin_client.get(url).json()
    assert (found["answer"], found["operation"]) == ("HTTP 201\n\n{}", "remove")
    assert allow("destinations.view_destination", "profiles.view_profile").get(url).status_code == 403
