"""Users and groups in the reader's language: what Django leaves in English is said in German, too."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse
from django.utils import translation

from destinations.admin.base.object_actions import ReadOnly
from tracsync.admin import django_texts, permission_names
from tracsync.models import ApiToken

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de"}


@pytest.fixture
def forms(admin_client, admin_user):
    """The texts of a group's form and of a user's."""

    def read(**headers):
        group = reverse("admin:auth_group_change", args=[Group.objects.get(name="Operator").pk])
        user = reverse("admin:auth_user_change", args=[admin_user.pk])
        return [admin_client.get(url, **headers).content.decode() for url in (group, user)]

    return read


def test_permissions_are_named_in_the_readers_language(forms):
    for text in forms():
        assert "Can view destination<" in text
        assert "Can pause, resume and backfill destinations<" in text
    for text in forms(**GERMAN):
        assert "Kann Ziel ansehen<" in text
        assert "Kann Ziele anhalten, fortsetzen und nachholen lassen<" in text
        assert "Can " not in text


def test_no_permission_is_called_by_an_english_name(db):
    """Each has a name of its own in German: what is the same in both is a word of both."""
    permissions = Permission.objects.select_related("content_type")
    with translation.override("de"):
        german = {one.name: permission_names.name(one) for one in permissions}
        kinds = {one.content_type.name for one in permissions}
    assert [name for name, said in german.items() if name == said] == []
    with translation.override("en"):
        same = {one.content_type.name for one in permissions} & kinds
    assert same <= {"Import"}, "models without a German name"


def test_permissions_stand_together_by_area_in_the_order_of_the_sidebar(forms):
    areas = ["Destinations", "Profiles", "Activity", "Resources", "Settings", "Behind the pages"]
    for text in forms():
        boxes = text[re.search('id="id_(user_)?permissions"', text).start() :]
        at = [boxes.index(f"<label>{area}</label>") for area in areas]
        assert at == sorted(at)
        assert at[0] < boxes.index("Can view destination<") < at[1] < boxes.index("Can view profile<") < at[2]


def test_in_english_the_names_are_those_that_are_stored(db):
    permissions = Permission.objects.select_related("content_type")
    assert [one.name for one in permissions] == [permission_names.name(one) for one in permissions]


def test_what_nobody_knows_better_is_called_as_it_is_stored(db):
    of_group = ContentType.objects.get(app_label="auth", model="group")
    of_gone = ContentType.objects.create(app_label="gone", model="thing")
    for kind, codename in ((of_group, "greet_group"), (of_gone, "view_thing")):
        permission = Permission.objects.create(content_type=kind, codename=codename, name="Can do this")
        with translation.override("de"):
            assert permission_names.name(permission) == "Can do this"


def test_dates_and_times_have_labels(admin_client, forms, settings):
    user, token = forms()[1], admin_client.get(reverse("admin:tracsync_apitoken_add")).content.decode()
    assert (user.count('aria-label="Date"'), user.count('aria-label="Time"')) == (2, 2)
    assert (token.count('aria-label="Date"'), token.count('aria-label="Time"')) == (1, 1)
    settings.TRACSYNC_MAX_TOKEN_DAYS = 10_000
    moment = {"expires_at_0": "2030-01-02", "expires_at_1": "03:04"}
    admin_client.post(reverse("admin:tracsync_apitoken_add"), {"name": "CRM", "scopes": "ingest", **moment})
    assert ApiToken.objects.get().expires_at == datetime(2030, 1, 2, 3, 4, tzinfo=UTC)


def test_what_is_chosen_is_kept(admin_client):
    group = Group.objects.create(name="Readers")
    wanted = Permission.objects.get(codename="view_destination")
    url = reverse("admin:auth_group_change", args=[group.pk])
    assert admin_client.post(url, {"name": "Readers", "permissions": [wanted.pk]}).status_code == 302
    assert list(group.permissions.all()) == [wanted]


def test_the_pages_and_scripts_of_django_are_german(admin_client, forms):
    assert "Passwort zurücksetzen" in forms(**GERMAN)[1]
    scripts = admin_client.get(reverse("admin:jsi18n"), **GERMAN).content.decode()
    assert '"Available %s": "Verf\\u00fcgbare %s"' in scripts


def test_each_of_these_texts_has_a_translation():
    with translation.override("de"):
        said = [translation.gettext(text) for text in django_texts.TEXTS]
    assert not {*said} & {*django_texts.TEXTS}


def test_a_persons_form_says_what_a_switch_does_and_not_how_django_calls_it(forms):
    english, german = forms()[1], forms(**GERMAN)[1]
    assert "May open the admin" in english
    assert "They may do what any of their roles may." in english
    assert "Darf die Verwaltung öffnen" in german
    assert "Rollen:" in german
    for text in (english, german):
        assert not any(one in text for one in ("Staff status", "Mitarbeiter-Status", "admin site", "Groups:"))


def test_a_roles_page_says_by_area_what_it_may_and_folds_the_permissions(forms):
    english, german = forms()[0], forms(**GERMAN)[0]
    said = english[english.index('class="t-may"') : english.index("</dl>")]
    assert "<dt>Destinations</dt>" in said
    assert ":</span> see; Can pause, resume and backfill destinations</li>" in said
    assert "<dt>Activity</dt>" in said
    assert "change" not in said[said.index("<dt>Resources</dt>") :]
    assert english.index('class="t-may"') < english.index("<details") < english.index('id="id_permissions"')
    assert "Advanced: each permission on its own, 25 chosen" in english
    assert ":</span> ansehen; Kann Ziele anhalten, fortsetzen und nachholen lassen</li>" in german


@pytest.mark.parametrize(
    ("headers", "titles"), [({}, "role, may sign in"), (GERMAN, "Rolle, darf sich anmelden")]
)
def test_people_are_filtered_in_the_words_of_their_columns(admin_client, headers, titles):
    answer = admin_client.get(reverse("admin:auth_user_changelist"), **headers)
    assert ", ".join(one.title for one in answer.context["cl"].filter_specs) == titles


def test_no_role_is_said_to_change_what_only_the_engine_writes(db):
    for model, page in site._registry.items():
        if isinstance(page, ReadOnly):
            assert model._meta.model_name in permission_names.ENGINES
    assert not {
        model._meta.model_name for model, page in site._registry.items() if not isinstance(page, ReadOnly)
    } & {*permission_names.ENGINES}
    everything = Permission.objects.select_related("content_type")
    said = permission_names.by_area(everything)
    log = said[said.index("Delivery log") :]
    assert log.startswith("Delivery log:</span> see</li>")
    assert "State of profiles:</span> see, send again</li>" in said


def test_a_persons_page_says_what_all_roles_allow_together(admin_client, django_user_model):
    person = django_user_model.objects.create_user("ben", is_staff=True)
    person.groups.add(Group.objects.get(name="Viewer"))
    url = reverse("admin:auth_user_change", args=[person.pk])
    assert ":</span> see</li>" in admin_client.get(url).content.decode()
    person.is_superuser = True
    person.save()
    assert "Everything, as a superuser." in admin_client.get(url).content.decode()


def test_a_new_roles_permissions_are_open(admin_client):
    text = admin_client.get(reverse("admin:auth_group_add")).content.decode()
    assert "t-may" not in text
    assert "<details" not in text[: text.index('id="id_permissions"')].split("<form")[-1]


def test_what_is_said_about_passwords_is_german_too(admin_client, admin_user):
    url = reverse("admin:auth_user_password_change", args=[admin_user.pk])
    text = admin_client.get(url, **GERMAN).content.decode()
    assert "Aus: Kein Passwort lässt die Person ein" in text
    assert 'id="id_unusable_warning"' in text
    assert "If disabled" not in text
    assert "Whether the user" not in text


def test_forms_have_no_windows_of_djangos_own(admin_client, admin_user):
    addresses = [
        reverse("admin:auth_user_change", args=[admin_user.pk]),
        reverse("admin:tracsync_noticechannel_add"),
        reverse("admin:tracsync_noticelimits_add"),
    ]
    pages = [admin_client.get(address).content.decode() for address in addresses]
    assert [page for page in pages if "related-widget-wrapper" in page] == []
