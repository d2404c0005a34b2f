"""Extensions and resources in the admin: what can be chosen, and credentials that go in and never out."""

import json
import re

import pytest

from destinations.connectors import registry
from destinations.connectors.base import Limits, Rate, Unreachable
from destinations.connectors.http.manifests import start
from destinations.insight import preview
from destinations.models import Extension, Resource
from tracsync.models import TrailEntry

TYPE = "type=http_api"


def test_extensions_are_listed_with_what_packages_have_added(db, page):
    Extension.objects.filter(pk="mautic").delete()
    assert "Mautic" in page("destinations_extension_changelist")
    text = page("destinations_extension_table")
    assert "Mautic" in text
    assert text.count(">Install</button>") == len(registry.slugs())


def test_extensions_say_their_version_and_where_they_are_from(db, page, manifests):
    (manifests / "acme.json").write_text(start.text("acme"), encoding="utf-8")
    (manifests / "broken.json").write_text('{"manifest": 1,', encoding="utf-8")
    for name in ("destinations_extension_changelist", "destinations_extension_table"):
        text = page(name)
        assert "acme.json in the folder of connectors" in text
        assert "0.1.0" in text
        assert "broken.json, line 1: this is no JSON" in text
        assert "cannot be used" not in text.replace("These files cannot be used", "")
    (manifests / "acme.json").unlink()
    text = page("destinations_extension_change", "acme")
    assert "nowhere: its package or file is gone" in text
    assert "There is no usable connector" in text


def test_extensions_are_installed_and_uninstalled_by_a_button(db, post):
    assert "HTTP API is installed." in post("destinations_extension_install", "http_api", query="list")
    assert Extension.objects.get(pk="http_api").installed
    assert "Uninstall HTTP API?" in post("destinations_extension_uninstall", "http_api")
    assert Extension.objects.get(pk="http_api").installed
    answer = post("destinations_extension_uninstall", "http_api", confirmed="yes")
    assert "HTTP API is uninstalled." in answer
    assert not Extension.objects.get(pk="http_api").installed


def test_extensions_are_installed_by_an_action(db, post):
    chosen = {"action": "install", "_selected_action": ["http_api", "mautic"]}
    post("destinations_extension_changelist", **chosen)
    assert Extension.objects.filter(installed_at__isnull=False).count() == 2


def test_an_extension_in_use_stays_and_says_by_what(resource, post):
    answer = post("destinations_extension_uninstall", "http_api")
    assert "HTTP API is used by Receiver" in answer
    assert Extension.objects.get(pk="http_api").installed
    post("destinations_extension_changelist", action="uninstall", _selected_action=["http_api"])
    assert Extension.objects.get(pk="http_api").installed


def test_an_extension_whose_package_is_gone_is_not_installed(db, post):
    Extension.objects.create(slug="gone", name="Gone")
    assert "no usable connector" in post("destinations_extension_install", "gone")
    assert not Extension.objects.get(pk="gone").installed


def test_only_installed_types_can_be_chosen(http_api, page):
    text = page("destinations_resource_add")
    assert "?type=http_api" in text
    assert "mautic" not in text
    assert "?type=http_api" in page("destinations_resource_add", query="type=mautic")


def test_without_an_extension_the_page_leads_to_them(db, page):
    assert "Install an extension" in page("destinations_resource_add")


def test_a_resource_is_added(http_api, post):
    data = {
        "name": "CRM",
        "enabled": "on",
        "tags": "crm, sales,,crm",
        "production.url": "https://crm.example.com/hook",
        "production.password": " with spaces ",
        "production.username": "me",
        "production.headers": '{"X-Key": "k"}',
    }
    post("destinations_resource_add", query=TYPE, **data)
    resource = Resource.objects.get()
    assert resource.production == {
        "url": "https://crm.example.com/hook",
        "username": "me",
        "password": " with spaces ",
        "headers": {"X-Key": "k"},
    }
    assert (resource.test, resource.tags, resource.type_id) == ({}, ["crm", "sales"], "http_api")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("production.headers", '{"Expect": "100-continue"}', "the header Expect cannot be set"),
        ("production.url", "https://crm.example.com/profile@id", "url holds {{ or profile@"),
    ],
)
def test_what_cannot_be_sent_is_not_stored(field, value, said, http_api, post):
    data = {"name": "CRM", "production.url": "https://crm.example.com/", **{field: value}}
    assert said in post("destinations_resource_add", query=TYPE, **data)
    assert not Resource.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("production.url", "", "url is required"),
        ("production.url", "ftp://x", "must start with http:// or https://"),
        ("production.headers", "[1]", "this must be an object, not a list"),
        ("production.headers", '{"X": }', "not JSON"),
        ("production.headers", '{"X": 1}', "headers.X must be text"),
        ("test.url", "nonsense", "must start with http:// or https://"),
        ("test.username", "only a name", "url is required"),
        ("name", "", "This field is required"),
    ],
)
def test_mistakes_are_said_under_their_field(field, value, said, http_api, post):
    data = {"name": "CRM", "production.url": "https://crm.example.com/", **{field: value}}
    answer = post("destinations_resource_add", query=TYPE, **data)
    under = "test.url" if field == "test.username" else field
    place = answer.index(f'id="id_{under}_error"')
    assert said in answer[place : answer.index("</ul>", place)]
    assert not Resource.objects.exists()


def test_blank_keeps_what_is_stored_and_a_value_replaces_it(resource, page, post, fields, secret):
    text = page("destinations_resource_change", resource.pk)
    assert "https://receiver.example.com)" in text
    form = fields(text)
    post("destinations_resource_change", resource.pk, **form)
    before = dict(resource.production)
    resource.refresh_from_db()
    assert resource.production == before
    post("destinations_resource_change", resource.pk, **{**form, "production.headers": '{"X-Key": "new"}'})
    resource.refresh_from_db()
    assert resource.production == {**before, "headers": {"X-Key": "new"}}


def test_boxes_remove_one_value_or_the_test_set(resource, page, post, fields, sealed):
    form = fields(page("destinations_resource_change", resource.pk))
    form |= {"production.headers.remove": "on", "test.remove_all": "on"}
    asked = post("destinations_resource_change", resource.pk, **form)
    assert "Remove credentials?" in asked
    assert "(production), all test credentials." in asked
    resource.refresh_from_db()
    assert resource.production["headers"]
    back = fields(post("destinations_resource_change", resource.pk, **sealed(asked), _back="yes"))
    assert back["test.remove_all"] == "on"
    post("destinations_resource_change", resource.pk, **sealed(asked))
    resource.refresh_from_db()
    assert set(resource.production) == {"url"}
    assert resource.test == {}


def test_neither_pages_nor_history_repeat_what_was_typed(resource, page, post, fields):
    form = fields(page("destinations_resource_change", resource.pk))
    typed = {
        **form,
        "production.password": "TYPED-7",
        "production.headers": '{"K": "TYPED-8"}',
        "name": "new",
    }
    answer = post("destinations_resource_change", resource.pk, **{**typed, "production.username": "u"})
    assert "TYPED" not in answer
    assert "TYPED" not in page("destinations_resource_change", resource.pk)
    assert "TYPED" not in page("destinations_resource_history", resource.pk)
    assert "TYPED" not in str(list(TrailEntry.objects.values()))
    failed = post("destinations_resource_change", resource.pk, **{**typed, "production.url": "nonsense"})
    assert "TYPED-7" not in failed


def test_the_type_cannot_be_changed(resource, page, post, fields):
    form = fields(page("destinations_resource_change", resource.pk))
    post("destinations_resource_change", resource.pk, query="type=mautic", **{**form, "type": "mautic"})
    resource.refresh_from_db()
    assert resource.type_id == "http_api"


def test_a_connection_is_tested_and_said_in_words(resource, post, page, monkeypatch):
    tried = []

    def check(resource, use_test, settings=None):
        tried.append(use_test)
        if use_test:
            raise Unreachable("no answer <from> there")
        return "answered 204"

    monkeypatch.setattr(preview, "check", check)
    assert page("destinations_resource_change", resource.pk).count('name="set" value="production"') == 1
    assert "Production credentials: answered 204" in post(
        "destinations_resource_check", resource.pk, set="production"
    )
    answer = post("destinations_resource_check", resource.pk, set="test")
    assert "Test credentials: no answer &lt;from&gt; there" in answer
    assert tried == [False, True]


def test_what_is_not_set_says_its_default(rabbitmq, page):
    text = page("destinations_resource_add", query="type=rabbitmq")
    assert "Not set; then 10." in text
    assert "Not set." in text


def test_a_connection_that_needs_settings_is_tested_without_a_destination(rabbitmq, post):
    broker = {"uri": "amqp://guest:guest@127.0.0.1:1/", "timeout": 1}
    resource = Resource.objects.create(name="Broker", type=rabbitmq, production=broker)
    answer = post("destinations_resource_check", resource.pk, set="production")
    assert "queue" not in answer[answer.index("messagelist") :].split("</ul>")[0]
    assert "guest:guest" not in answer


def test_a_resource_in_use_is_not_deleted(destination, page):
    assert "Business customers" in page("destinations_resource_delete", destination.resource.pk)


def test_a_resource_of_a_lost_connector_opens_and_keeps_its_credentials(db, page, post, fields, secret):
    from django.utils import timezone

    gone = Extension.objects.create(slug="gone", name="Gone", installed_at=timezone.now())
    resource = Resource.objects.create(name="R", type=gone, production={"key": secret})
    text = page("destinations_resource_change", resource.pk)
    assert secret not in text
    assert "no file that is called so" in text
    assert "no usable connector" in post("destinations_resource_change", resource.pk, **fields(text))
    resource.refresh_from_db()
    assert resource.production == {"key": secret}


def test_tags_are_a_filter(resource, page):
    resource.tags = ["crm"]
    resource.save()
    assert "Receiver</a>" in page("destinations_resource_changelist", query="tag=crm")
    assert "Receiver</a>" not in page("destinations_resource_changelist", query="tag=other")


def test_what_concerns_a_set_as_a_whole_is_said_above(resource, page, post, fields):
    form = fields(page("destinations_resource_change", resource.pk))
    answer = post("destinations_resource_change", resource.pk, **{**form, "production.token": "t"})
    assert "Production credentials: " in answer
    form["production.url"] = "https://elsewhere.example.com/"
    answer = post("destinations_resource_change", resource.pk, **form)
    assert "The address leads to another host: enter headers again" in answer


@pytest.mark.parametrize(
    "move", [{"production.proxy": "http://elsewhere.example:1"}, {"production.ssl_check": "false"}]
)
def test_secrets_that_are_not_typed_again_go_no_other_way(move, resource, page, post, fields, secret):
    form = fields(page("destinations_resource_change", resource.pk)) | move
    before = dict(resource.production)
    answer = post("destinations_resource_change", resource.pk, **form)
    assert "enter url, headers again" in answer
    resource.refresh_from_db()
    assert resource.production == before
    typed = {"production.url": before["url"], "production.headers": f'{{"X-Key": "{secret}"}}'}
    post("destinations_resource_change", resource.pk, **form | typed)
    resource.refresh_from_db()
    assert set(resource.production) == {*before, next(iter(move)).partition(".")[2]}


def test_a_switch_is_said_in_words(resource, page):
    text = page("destinations_resource_change", resource.pk)
    assert "Not set; then yes." in text
    assert '<option value="true">yes</option>' in text
    assert '<option value="false">no</option>' in text


def test_limits_are_set_for_all_destinations_of_a_resource(resource, destination, page, post, fields):
    text = page("destinations_resource_change", resource.pk)
    assert "The connector sets no limit of its own." in text
    form = fields(text) | {"rate_limit": "100", "rate_period": "minute", "test_concurrency": "2"}
    post("destinations_resource_change", resource.pk, **form)
    resource.refresh_from_db()
    assert resource.limits(use_test=False) == Limits(None, [Rate(100, 60.0)])
    assert resource.limits(use_test=True) == Limits(2, [Rate(100, 60.0)])
    shown = page("destinations_destination_change", destination.pk)
    assert "8 calls at once: as configured for all" in shown
    assert "100 a minute, all destinations of Receiver together: set for the resource" in shown


def test_a_limit_below_one_is_refused(resource, page, post, fields):
    form = fields(page("destinations_resource_change", resource.pk)) | {"concurrency": "0"}
    answer = post("destinations_resource_change", resource.pk, **form)
    assert "Ensure this value is greater than or equal to 1." in answer
    resource.refresh_from_db()
    assert resource.concurrency is None


def test_what_the_connector_sets_is_said(http_api, page, monkeypatch):
    declared = Limits(5, [Rate(100, 10.0)])
    monkeypatch.setattr(registry.get("http_api"), "limits", declared, raising=False)
    text = page("destinations_resource_add", query=TYPE)
    assert "The connector sets: 5 calls at once, 100 in 10 s." in text


def test_secret_headers_can_be_rows_and_show_their_names_alone(resource, page, secret):
    text = page("destinations_resource_change", resource.pk)
    field = re.search(r'<textarea name="production.headers"[^>]*>(.*?)</textarea>', text, re.DOTALL)
    assert not field[1].strip()
    assert 'data-rows="Secret headers"' in field[0]
    assert "{&quot;X-Key&quot;: &quot;********&quot;}" in field[0]
    assert "Set (X-Key); blank keeps it." in text
    assert secret not in text


def test_a_masked_header_stays_beside_a_new_one_and_what_is_left_out_goes(
    resource, page, post, fields, sealed, secret
):
    form = fields(page("destinations_resource_change", resource.pk))
    rows = {"X-Key": "********", "X-New": "new"}
    post("destinations_resource_change", resource.pk, **form | {"production.headers": json.dumps(rows)})
    resource.refresh_from_db()
    assert resource.production["headers"] == {"X-Key": secret, "X-New": "new"}
    form = fields(page("destinations_resource_change", resource.pk))
    form["production.headers"] = json.dumps({"X-New": "********"})
    asked = post("destinations_resource_change", resource.pk, **form)
    assert "Secret headers: X-Key (production)" in asked
    resource.refresh_from_db()
    assert "X-Key" in resource.production["headers"]
    post("destinations_resource_change", resource.pk, **sealed(asked))
    resource.refresh_from_db()
    assert resource.production["headers"] == {"X-New": "new"}


def test_a_masked_header_under_another_name_or_at_another_host_is_refused(resource, page, post, fields):
    form = fields(page("destinations_resource_change", resource.pk))
    before = dict(resource.production)
    renamed = {"production.headers": '{"X-Other": "********"}'}
    assert "headers is hidden; type it again" in post(
        "destinations_resource_change", resource.pk, **form | renamed
    )
    moved = {
        "production.url": "https://elsewhere.example.com/",
        "production.headers": '{"X-Key": "********"}',
    }
    assert "enter headers again" in post("destinations_resource_change", resource.pk, **form | moved)
    resource.refresh_from_db()
    assert resource.production == before
