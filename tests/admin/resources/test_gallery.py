"""The gallery of systems, and the way from one of them to a destination."""

import html
import json
import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from destinations.connectors import registry
from destinations.connectors.base import Unreachable
from destinations.connectors.http.manifests import start
from destinations.connectors.testing import HttpPeer
from destinations.connectors.testing.doubles.marketing.brevo import Brevo
from destinations.insight import preview
from destinations.models import Extension, KnownFields, Resource

HOSTILE = "<script>alert('x')</script>\" onload=\"x"


class Acme(HttpPeer):
    """Says who somebody is, whatever is asked."""

    def answer(self, request):
        return 200, {"Content-Type": "application/json"}, b'{"name": "me"}'

    def payload(self, number):
        raise NotImplementedError

    received = payload


@pytest.fixture
def gallery(page):
    def get(query="", **given):
        return page("destinations_extension_changelist", query=query, **given)

    return get


@pytest.fixture
def system(page):
    """The text of a system's page."""

    def get(slug, query="", **given):
        return page("destinations_extension_change", slug, query=query, **given)

    return get


@pytest.fixture
def viewer(allow):
    return allow("destinations.view_extension")


@pytest.fixture
def brevo(settings):
    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = ["127.0.0.0/8"]
    with Brevo() as double:
        yield double


def systems(text):
    return re.findall(r'<h3><a href="[^"]*/extension/([^/]+)/change/"', text)


def next_step(text):
    return re.findall(r'aria-current="step">\s*<strong>([^<]+)', text)


def test_every_system_is_shown_once_with_what_it_can(db, gallery):
    text = gallery()
    assert sorted(systems(text)) == registry.slugs()
    assert "updates" in text
    assert text.count('<span class="tracsync-icon" aria-hidden="true"><svg') == len(registry.slugs())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=hubspot", ["hubspot"]),
        ("q=HUB+contact", ["hubspot"]),
        ("q=queue+aws+ten", ["eventbridge", "sqs"]),
        ("kind=chat", ["teams", "slack"]),
        ("kind=chat&q=slack", ["slack"]),
        ("q=nothing+of+this+kind", []),
        ("kind=%00&q=slack%00", []),
    ],
)
def test_systems_are_searched_and_narrowed(db, gallery, query, expected):
    assert systems(gallery(query)) == expected


def test_a_search_is_kept_while_one_narrows_and_what_was_typed_is_no_code(db, gallery):
    assert '<a href="?q=aws&amp;kind=messages">' in gallery("q=aws")
    text = gallery("q=%22%3E%3Cscript%3E")
    assert "<script>" not in re.sub(r"<script[^>]+>", "", text)
    assert 'value="&quot;&gt;&lt;script&gt;"' in text


def test_german_words_are_found_in_german(db, gallery, client, django_user_model):
    user = django_user_model.objects.create_superuser("anna", password="x")
    client.force_login(user)
    client.post(reverse("admin:preferences"), {"language": "de", "time_zone": ""})
    assert "slack" in systems(gallery("q=Kanal", client=client))
    assert "Wohin sollen Profile gehen?" in gallery(client=client)


def test_what_a_manifest_says_is_text(db, gallery, system, page, manifests, resource):
    content = json.loads(start.text("acme"))
    content |= {"name": f"Acme {HOSTILE}", "description": HOSTILE}
    content["presets"][0] |= {"name": HOSTILE, "description": HOSTILE}
    (manifests / "acme.json").write_text(json.dumps(content), encoding="utf-8")
    (manifests / "<img src=x>.json").write_text('{"name": 1', encoding="utf-8")
    listed = gallery()
    Extension.objects.filter(pk="acme").update(installed_at="2026-01-01T00:00:00Z")
    shown = system("acme")
    assert f"Acme {html.escape(HOSTILE)}" in listed
    assert html.escape(HOSTILE) in shown
    for text in (listed, shown, page("destinations_resource_add"), page("destinations_extension_table")):
        assert "<script>alert" not in text
        assert "<img src=x>" not in text
        assert '" onload="' not in text


def test_a_connector_that_is_gone_or_broken_says_so_and_has_no_button(db, gallery, system, manifests):
    path = manifests / "acme.json"
    path.write_text(start.text("acme"), encoding="utf-8")
    assert "acme" in systems(gallery())
    path.write_text("{", encoding="utf-8")
    text = gallery("q=acme")
    assert systems(text) == ["acme"]
    assert "cannot be used" in text
    assert "acme.json, line 1: this is no JSON" in text
    path.unlink()
    assert "nowhere: its package or file is gone" in gallery("q=acme")
    shown = system("acme")
    assert "There is no usable connector" in shown
    assert ">Install</button>" not in shown
    assert next_step(shown) == []


def test_a_viewer_sees_and_cannot_install(db, gallery, system, user, client):
    user.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(user)
    viewer = client
    assert sorted(systems(gallery(client=viewer))) == registry.slugs()
    text = system("slack", client=viewer)
    assert "Install it" in text
    assert "<button" not in text.split('id="way"')[1].split("</section>")[0]
    assert "You may not install it" in text
    assert viewer.post(reverse("admin:destinations_extension_install", args=["slack"])).status_code == 403
    assert not Extension.objects.get(pk="slack").installed


def test_who_sees_extensions_alone_sees_no_resource(http_api, resource, system, viewer):
    assert "Receiver" not in system("http_api", query=f"resource={resource.pk}", client=viewer)


def test_nobody_else_sees_it(db, allow):
    client = allow("destinations.view_resource")
    for name in ("changelist", "table"):
        assert client.get(reverse(f"admin:destinations_extension_{name}")).status_code == 403


def test_the_way_from_a_system_to_a_destination(db, system, page, post, brevo):
    assert next_step(system("brevo")) == ["Install it"]
    assert next_step(post("destinations_extension_install", "brevo")) == ["Say how to reach it: a resource"]
    add = {"name": "Letters", "enabled": "on", "rate_period": "second", "test_rate_period": "second"}
    given = {f"production.{name}": value for name, value in brevo.credentials.items()}
    text = post("destinations_resource_add", query="type=brevo&guided=1", **add, **given)
    assert next_step(text) == ["Test the connection"]
    resource = Resource.objects.get(name="Letters")
    test = {"set": "production", "guided": "1"}
    text = post("destinations_resource_check", resource.pk, **test)
    assert "Brevo answers and shows the contacts&#x27; attributes" in text
    assert next_step(text) == ["Begin a destination with a common shape"]
    (known,) = KnownFields.objects.filter(resource=resource)
    assert [one["name"] for one in known.fields] == ["attributes.FIRSTNAME"]
    form = re.search(r'<a href="([^"]+preset=0)">Contact from traits</a>', text)[1]
    assert f"resource={resource.pk}" in html.unescape(form)
    assert "FIRSTNAME?" in page("destinations_destination_add", query=html.unescape(form).partition("?")[2])


def test_a_test_counts_until_the_resource_changes_and_not_where_it_failed(
    http_api, resource, system, post, monkeypatch
):
    monkeypatch.setattr(preview, "check", lambda *_: "answered 200")
    fine = post("destinations_resource_check", resource.pk, set="production", guided="1")
    assert next_step(fine) == ["Begin a destination with a common shape"]
    Resource.objects.filter(pk=resource.pk).update(revision=resource.revision + 1)
    assert next_step(system("http_api")) == ["Test the connection"]

    def down(*_):
        raise Unreachable("nobody answers")

    monkeypatch.setattr(preview, "check", down)
    failed = post("destinations_resource_check", resource.pk, set="production", guided="1")
    assert "nobody answers" in failed
    assert next_step(failed) == ["Test the connection"]


def test_of_several_resources_one_is_chosen(http_api, resource, system):
    other = Resource.objects.create(name="Other", type=http_api, production={"url": "https://o.example"})
    assert next_step(system("http_api")) == ["Say how to reach it: a resource"]
    text = system("http_api", query=f"resource={other.pk}")
    assert next_step(text) == ["Test the connection"]
    assert f"?resource={other.pk}&amp;preset=0" in text
    assert next_step(system("http_api", query="resource=nonsense")) == ["Say how to reach it: a resource"]


def test_who_may_only_look_at_resources_is_offered_nothing_to_press(http_api, resource, system, user, viewer):
    user.user_permissions.add(Permission.objects.get(codename="view_resource"))
    text = system("http_api", client=viewer).split('id="way"')[1].split("</section>")[0]
    assert "Receiver" in text
    assert "<button" not in text
    assert "destination/add/" not in text
    assert "You may not test it" in text


def test_fields_that_hang_on_a_setting_are_not_asked_for(db, post, manifests, settings):
    """Those of another audience, list or table would be taken for those of this one."""
    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = ["127.0.0.0/8"]

    content = json.loads(start.text("acme"))
    content["settings"] = {
        "type": "object",
        "required": ["list"],
        "properties": {"list": {"type": "string", "title": "List", "description": "Its id."}},
    }
    content["presets"][0]["settings"] = {"list": "people"}
    content["fields"] = {"request": {"path": "/fields"}, "at": "answer@all", "name": "name"}
    (manifests / "acme.json").write_text(json.dumps(content), encoding="utf-8")
    Extension.objects.create(slug="acme", name="Acme", installed_at="2026-01-01T00:00:00Z")
    with Acme() as acme:
        given = {"token": "t", "base_url": acme.url}
        resource = Resource.objects.create(name="Acme", type_id="acme", production=given)
        assert "signed in as me" in post("destinations_resource_check", resource.pk, set="production")
    assert [one.path for one in acme.seen] == ["/me"]
    assert not KnownFields.objects.exists()


def test_each_of_ours_says_what_to_do_on_the_other_side(db, system):
    for slug in registry.slugs():
        assert "What to do on the other side" in system(slug), slug


def test_looking_costs_the_same_whatever_is_installed(db, gallery, django_assert_max_num_queries):
    gallery()
    with django_assert_max_num_queries(12):
        gallery()


@pytest.fixture
def letters(db, brevo):
    Extension.objects.filter(pk="brevo").update(installed_at="2026-01-01T00:00:00Z")
    return Resource.objects.create(name="Letters", type_id="brevo", production=brevo.credentials)


FETCH = {"tracsync_fetch_fields": "1"}


def test_fields_are_fetched_while_a_destination_is_written(letters, page, post, fields, brevo):
    query = f"resource={letters.pk}&preset=0"
    opened = page("destinations_destination_add", query=query)
    assert "0 fields of the other system are known." in opened
    form = {**fields(opened), "name": "", "mapping": '{"email": "profile@x"'}
    text = post("destinations_destination_add", query=query, **form, **FETCH)
    assert "1 field is known now." in text
    assert "1 field of the other system is known." in text
    assert '"name": "attributes.FIRSTNAME"' in text
    assert (
        "{&quot;email&quot;: &quot;profile@x&quot;" in text
    )  # as it was typed, and no word of what is missing
    assert "errornote" not in text
    assert not letters.destinations.exists()
    assert [(one.method, one.path) for one in brevo.seen] == [("GET", "/v3/contacts/attributes")]


def test_fields_are_fetched_with_the_settings_that_were_typed(letters, page, post, fields, brevo):
    query = f"resource={letters.pk}&preset=0"
    form = {**fields(page("destinations_destination_add", query=query)), "name": "Letters"}
    text = post("destinations_destination_add", query=query, **{**form, **FETCH, "settings.lists": "[-1]"})
    assert "The fields were not fetched: the settings have to be right first. Lists:" in text
    assert brevo.seen == []
    post("destinations_destination_add", query=query, **form)
    made = letters.destinations.get()
    form = {**fields(page("destinations_destination_change", made.pk)), "name": "Renamed"}
    text = post("destinations_destination_change", made.pk, **form, **FETCH)
    assert "1 field is known now." in text
    assert 'value="Renamed"' in text
    made.refresh_from_db()
    assert made.name == "Letters"


def test_who_may_not_write_a_destination_cannot_have_fields_fetched(letters, viewer, user, brevo):
    for name in ("view_destination", "view_resource", "operate_destination"):
        user.user_permissions.add(Permission.objects.get(codename=name))
    url = f"{reverse('admin:destinations_destination_add')}?resource={letters.pk}"
    assert viewer.post(url, FETCH).status_code == 403
    assert brevo.seen == []
