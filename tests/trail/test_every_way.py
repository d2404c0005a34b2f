"""Every address that takes a change, of the admin and of the API, leaves an entry or says here why not."""

import json
from datetime import UTC, datetime
from unittest import mock

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.urls import URLResolver, get_resolver, reverse
from drf_spectacular.generators import SchemaGenerator

from destinations.models import Backfill, Extension
from profiles.imports.models import ImportJob
from tests.api.conftest import client_with
from tracsync.common.rest.scopes import EVERYTHING
from tracsync.models import Erasure, NoticeLimits
from tracsync.privacy import erasing

pytestmark = pytest.mark.django_db

READS = "It only shows something, or tries what is not stored."
READING = "How a person reads the admin is their own: nothing is set up by it."
TRAFFIC = "Profiles that programs write are traffic, not done by hand: versions and attempts tell of them."
OTHER_WAY = "It is asked and answered on pages whose own addresses leave the entry."
FACTOR = "Tested with the second factor: what is set up, ended and unlocked is an entry."

# Of the admin, by the names of their addresses.
NO_ENTRY = {
    **dict.fromkeys(
        ("search", "settings", "style_guide", "work", "session", "signed_in_again", "documentation"), READS
    ),
    **dict.fromkeys(("documentation_search", "index", "password_change_done", "autocomplete"), READS),
    **dict.fromkeys(("jsi18n", "view_on_site", "app_list", "retention"), READS),
    **dict.fromkeys(("preferences", "save_filter"), READING),
    "profiles_profile_why": READS,
    **{
        f"destinations_destination_{name}": READS
        for name in (
            *("receiver", "editor_check", "editor_paths", "editor_rows", "editor_counts", "live_preview"),
            *("live_profiles", "live_sent", "live_receive", "live_answer", "live_last_answer", "preview"),
            *("funnel", "fields"),
        )
    },
    "destinations_destination_fetch_fields": "It reads the names of the other system's fields.",
    "destinations_destination_restore": OTHER_WAY,
    "destinations_deliveryattempt_again": "Tested as the same page of profile syncs.",
    "destinations_resource_restore": OTHER_WAY,
    "destinations_extension_table": READS,
    "destinations_resource_test_typed": READS,
    "destinations_resource_authorise": "Nothing is authorised before the service sends somebody back.",
    "profiles_importjob_columns": "How a file is read; what is imported is an entry.",
    "profiles_importjob_refused": "Lines of a file that the same person may upload and read.",
    "your_notices": "Tested by itself: it is the form of a person's own channel.",
    "destinations_resource_authorised": "Tested by itself: it needs a service that answers.",
    "logout": "Tested by itself.",
    "login": "Tested by itself.",
    "join": "Tested by itself.",
    "kept_form": READS,
    **dict.fromkeys(("oidc", "oidc_back", "second_factor_code"), "Signing in is an entry, whatever the way."),
    **dict.fromkeys(("second_factor", "second_factor_set_up", "auth_user_act"), FACTOR),
}
# Where a page of one of these models would be: nobody may add, change or delete them.
ENDINGS = {"history": READS, "live": READS, "changelist": "Its actions are listed by themselves."}


def names_of_the_admin():
    def walk(resolver):
        for one in resolver.url_patterns:
            if isinstance(one, URLResolver):
                yield from walk(one)
            elif one.name:
                yield one.name

    [admin_urls] = [one for one in get_resolver().url_patterns if getattr(one, "namespace", "") == "admin"]
    return sorted(set(walk(admin_urls)))


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row_of(world, name):
    model = name.split("_")[1]
    if model == "extension":
        Extension.objects.filter(pk="rabbitmq").update(installed_at=NOW if "uninstall" in name else None)
        return Extension.objects.get(pk="rabbitmq")
    names = {"deliveryattempt": "attempt", "profilesync": "sync", "apitoken": "token"}
    names |= {"noticechannel": "channel", "noticelimits": "limits"}
    return getattr(world, names.get(model, model), None)


FORM = {
    "auth_group": {"name": "Helpers 2"},
    "auth_user": {"username": "ben", "email": "other@example.com", "is_active": "on"},
    "tracsync_apitoken": {"name": "warehouse 2", "scopes": ["profiles:read"], "never": "on"},
    "tracsync_noticechannel": {
        **{"name": "on call 2", "recipients": "b@example.com", "language": "en", "kind": "email"},
        **{"events": "stalled", "enabled": "on", "muted_until_0": "", "muted_until_1": ""},
    },
    "tracsync_noticelimits": {"rejected_count": "7"},
    "profiles_profile": {"id": "new", "document": '{"id": "new", "name": "secret name"}'},
}


def changed(world, page, fields, name):
    """The form of a page as a browser sends it, with something in it that is other."""
    row = row_of(world, name)
    typed = fields(page(name, row.pk))
    other = FORM.get(name.removesuffix("_change"), {"name": "Another name"})
    if name == "profiles_profile_change":
        other = {"document": json.dumps({**row.document, "city": "Ulm"})}
    return {**typed, **other}


ACTIONS = {
    "destinations_destination_pause": {},
    "destinations_destination_resume": {},
    "destinations_destination_test": {"profile": "anna"},
    "destinations_destination_send": {"profile": "anna", "confirmed": "yes"},
    "destinations_destination_audit": {"hours": "1"},
    "destinations_destination_backfill": {},
    "destinations_resource_check": {"set": "production"},
    "destinations_extension_install": {},
    "destinations_extension_uninstall": {"confirmed": "yes"},
    "profiles_profile_sync_now": {},
    "profiles_profile_replay": {"confirmed": "yes"},
    "destinations_profilesync_sync_now": {},
    "destinations_profilesync_replay": {"confirmed": "yes"},
    "tracsync_apitoken_rotate": {"overlap_hours": "2"},
    "tracsync_noticechannel_test": {},
    "tracsync_incident_acknowledge": {},
    "auth_user_password_change": {
        **{"password1": "N3w-enough-pass", "password2": "N3w-enough-pass", "usable_password": "true"}
    },
}


@pytest.fixture
def do(world, admin_client, entries, page, fields, make_import, monkeypatch, recording):
    """Do what an address is for, as a superuser, and answer what it left."""
    from destinations.insight import preview

    monkeypatch.setattr(preview, "check", lambda *a, **k: "fine")
    trial = preview.Trial(True, "accepted", "", 200, "", "", 0.1)
    monkeypatch.setattr(preview, "send_test", lambda *a, **k: trial)

    def post(name, /, *args, query="", **data):
        url = reverse(f"admin:{name}", args=args)
        return admin_client.post(f"{url}?{query}" if query else url, data)

    def run(name):
        if name.startswith("profiles_importjob"):
            job = make_import()
            if name.endswith("start"):
                type(job).objects.filter(pk=job.pk).update(phase=ImportJob.Phase.READY, created=1)
            elif name.endswith("add"):
                from django.core.files.uploadedfile import SimpleUploadedFile

                form = fields(page(name))
                file = SimpleUploadedFile("people.json", b'{"id": "p1"}\n')
                entries()
                return post(name, **{**form, "file": file})
            elif name.endswith("resume"):
                job.pause()
            entries()
            return post(name, job.pk, confirmed="yes")
        if name == "profiles_profile_samples":
            return post(name)
        if name == "export":
            return admin_client.get(reverse("admin:export", args=["profiles", "profile"]))
        if name == "password_change":
            new = {"new_password1": "N3w-enough-pass", "new_password2": "N3w-enough-pass"}
            return post(name, old_password="password", **new)
        if name == "tracsync_erasure_download":
            return admin_client.get(reverse(f"admin:{name}"), {"profile": "anna"})
        if name == "tracsync_erasure_add":
            return post(name, profile="anna", sure="on")
        if name == "tracsync_erasure_finish":
            monkeypatch.setattr(erasing, "look", lambda erasure: erasure)
            erasure = Erasure.objects.create(fingerprint="f", asked_by="ana", profile_id="anna")
            return post(name, erasure.pk, confirmed="yes")
        if name == "destinations_profilesync_again":
            url = reverse(f"admin:{name}", args=["replay"])
            return admin_client.post(f"{url}?destination={world.destination.pk}")
        if name.startswith("destinations_destination_live_"):
            query = f"resource={world.resource.pk}&destination={world.destination.pk}"
            typed = fields(page("destinations_destination_change", world.destination.pk))
            return post(name, query=query, **{**typed, "profile": "anna", "tracsync_profile": "anna"})
        if name.endswith("_add"):
            return add(name)
        row = row_of(world, name)
        if name.endswith("_delete"):
            if name == "destinations_resource_delete":
                world.destination.delete()
            return post(name, quote(row.pk), post="yes")
        if name.endswith("_change") and name not in ACTIONS:
            data = changed(world, page, fields, name)
            entries()
            return post(name, quote(row.pk), **data)
        if name.endswith(("_cancel", "_pause", "_resume")) and row is not world.destination:
            if name.endswith("_resume"):
                row.pause()
            return post(name, row.pk, confirmed="yes")
        data = ACTIONS.get(name, {})
        return post(name, quote(row.pk), **data)

    def add(name):
        of = name.removesuffix("_add")
        query = {
            "destinations_destination": f"resource={world.resource.pk}",
            "destinations_resource": "type=http_api",
        }.get(of, "")
        typed = fields(page(name, query=query))
        more = dict(FORM.get(of, {}))
        if of == "destinations_destination":
            more = {"name": "Second", "mapping": '{"mail": "profile@id"}'}
        if of == "destinations_resource":
            more = {"name": "Second", "production.url": "https://example.com/x"}
        if of == "auth_user":
            role = world.group.pk
            more = {"first_name": "C", "last_name": "D", "email": "c@example.com", "role": role}
        if of == "tracsync_noticelimits":
            NoticeLimits.objects.all().delete()
            more["destination"] = world.destination.pk
        entries()
        return post(name, query=query, **{**typed, **more})

    def answer(name):
        response = run(name)
        if response.streaming:
            b"".join(response.streaming_content)
        return response, entries()

    return answer


REFUSED = "nobody may"


def is_refused(name):
    """Pages that Django has for every model, and that this one does not offer to anybody."""
    app_model, _sign, ending = name.rpartition("_")
    for model, page in admin.site._registry.items():
        if f"{model._meta.app_label}_{model._meta.model_name}" == app_model:
            request = type("R", (), {"user": Superuser(), "GET": {}, "POST": {}, "method": "GET"})()
            may = {"add": "has_add_permission", "change": "has_change_permission"}
            may["delete"] = "has_delete_permission"
            return ending in may and not getattr(page, may[ending])(request)
    return False


class Superuser:
    is_superuser = is_active = is_staff = is_authenticated = True
    pk = None

    def has_perm(self, *_):
        return True

    has_perms = has_perm


def wanted():
    found = []
    for name in names_of_the_admin():
        if name not in NO_ENTRY and name.rpartition("_")[2] not in ENDINGS and not is_refused(name):
            found.append(name)
    return found


@pytest.mark.parametrize("name", wanted())
def test_a_page_leaves_an_entry_in_the_transaction_of_what_it_does(name, do):
    response, left = do(name)
    assert response.status_code in (200, 302), (name, response.status_code)
    assert left, (name, response.status_code, response.content[:3000] if not response.streaming else "")
    entry, is_within = left[0]
    assert (entry.face, entry.actor) == ("admin", "admin")
    without_row = ("export", "tracsync_erasure_download")
    if name not in without_row and entry.action != "tested" and entry.action != "exported":
        assert is_within, name


def test_every_reason_is_of_a_page_that_is_there():
    assert not set(NO_ENTRY) - set(names_of_the_admin())


ACTS_ON_LISTS = {
    "destinations_destination": ("pause", "resume", "enable", "disable", "bring_up_to_date"),
    "destinations_extension": ("install", "uninstall"),
    "destinations_backfill": ("pause", "resume", "cancel"),
    "destinations_audit": ("pause", "resume", "cancel"),
    "destinations_replay": ("pause", "resume", "cancel"),
    "profiles_importjob": ("pause", "resume", "cancel"),
    "profiles_indexjob": ("pause", "resume", "cancel"),
    "auth_user": ("make_link", "delete_selected"),
    "auth_group": ("delete_selected",),
    "tracsync_apitoken": ("delete_selected",),
    "destinations_resource": ("delete_selected",),
    "profiles_profile": ("delete_selected",),
    "tracsync_noticelimits": ("delete_selected",),
}
LEAD_ELSEWHERE = {("destinations_deliveryattempt", "retry"), ("destinations_deliveryattempt", "replay")}
LEAD_ELSEWHERE |= {("destinations_profilesync", "retry"), ("destinations_profilesync", "replay")}


def test_every_action_of_a_list_is_known(rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    found = set()
    for model, page in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        found |= {(name, action) for action in page.get_actions(request)}
    known = {(name, action) for name, actions in ACTS_ON_LISTS.items() for action in actions}
    left = found - known - LEAD_ELSEWHERE - {("destinations_destination", "delete_selected")}
    assert left == set()


@pytest.mark.parametrize(
    ("name", "action"), [(name, one) for name, actions in ACTS_ON_LISTS.items() for one in actions]
)
def test_an_action_of_a_list_leaves_an_entry(name, action, world, admin_client, entries, make_import):
    row = make_import() if name == "profiles_importjob" else row_of(world, f"{name}_{action}")
    if action == "resume" and hasattr(row, "pause"):
        row.pause()
    if action == "enable":
        type(row).objects.filter(pk=row.pk).update(enabled=False)
    if name == "destinations_resource":
        world.destination.delete()
    chosen = {"action": action, "_selected_action": row.pk, "confirmed": "yes", "post": "yes"}
    entries()
    response = admin_client.post(reverse(f"admin:{name}_changelist"), chosen)
    left = entries()
    assert left, response.content[:2000]
    assert action in ("make_link",) or all(is_within for _entry, is_within in left)


# Of the API, by operation.
NO_ENTRY_OF_API = {
    **dict.fromkeys(("profiles_create", "profiles_update", "profiles_partial_update"), TRAFFIC),
    **dict.fromkeys(("profiles_destroy", "profiles_bulk", "profiles_bulk_delete"), TRAFFIC),
    **dict.fromkeys(("configuration_plan", "destinations_preview", "destinations_read"), READS),
    "destinations_fetch_fields": "It reads the names of the other system's fields.",
}


@pytest.fixture(scope="module")
def operations():
    """Method and path. Not made by each process that collects this: the description takes half a second."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return {
        operation["operationId"]: (method, path)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method != "get"
    }


def calls(world):
    """Operation -> (id, body)."""
    one, profile = world.destination, {"profile": "anna"}
    resource = {"name": "R2", "type": "http_api", "credentials": {"production": {"url": "https://e.com/x"}}}
    destination = {"name": "D2", "resource": world.resource.pk, "mapping": {"id": "profile@id"}}
    channel = {"name": "C2", "kind": "email", "recipients": ["b@example.com"], "language": "en"}
    apply = {"tracsync": 1, "resources": {"r3": {"name": "R3", "type": "http_api"}}}
    apply["resources"]["r3"]["credentials"] = {"production": {"url": "https://e.com/x"}}
    return {
        **{
            f"{kind}s_{act}": (getattr(world, kind).pk, None)
            for kind in ("audit", "backfill", "replay")
            for act in ("pause", "resume", "cancel")
        },
        "configuration_apply": (None, {"configuration": apply}),
        "destinations_create": (None, destination),
        "destinations_update": (one.pk, destination),
        "destinations_partial_update": (one.pk, {"name": "D3"}),
        "destinations_destroy": (one.pk, None),
        "destinations_audit": (one.pk, {"heal": False}),
        "destinations_backfill": (one.pk, {}),
        "destinations_pause": (one.pk, None),
        "destinations_resume": (one.pk, None),
        "destinations_test": (one.pk, profile),
        "erasures_create": (None, profile),
        "erasures_finish": (None, None),
        "extensions_install": ("rabbitmq", None),
        "extensions_uninstall": ("rabbitmq", None),
        "incidents_acknowledge": (world.incident.pk, None),
        "incidents_mute": (world.incident.pk, {"minutes": 5}),
        "notice_channels_create": (None, channel),
        "notice_channels_update": (world.channel.pk, channel),
        "notice_channels_partial_update": (world.channel.pk, {"name": "C3"}),
        "notice_channels_destroy": (world.channel.pk, None),
        "notice_channels_test": (world.channel.pk, None),
        "notice_limits_create": (None, {"destination": one.pk, "rejected_count": 3}),
        "notice_limits_update": (world.limits.pk, {"destination": one.pk, "rejected_count": 3}),
        "notice_limits_partial_update": (world.limits.pk, {"rejected_count": 4}),
        "notice_limits_destroy": (world.limits.pk, None),
        "profiles_sync": ("anna", {}),
        "replays_create": (None, {"choice": {"destination": one.pk}}),
        "resources_create": (None, resource),
        "resources_update": (world.resource.pk, resource),
        "resources_partial_update": (world.resource.pk, {"name": "R4"}),
        "resources_destroy": (world.resource.pk, None),
        "resources_test": (world.resource.pk, {}),
        "syncs_replay": (world.sync.pk, None),
        "tokens_create": (None, {"name": "T2", "scopes": ["profiles:read"]}),
        "tokens_destroy": (world.token.pk, None),
        "tokens_rotate": (world.token.pk, {}),
        "syncs_replay_many": (None, {"destination": one.pk}),
    }


CALLED = calls(mock.MagicMock()).keys()
TRIES = ("destinations_test", "resources_test", "notice_channels_test")


def test_every_operation_is_called_or_has_a_reason(operations):
    assert operations.keys() == CALLED | NO_ENTRY_OF_API.keys()


@pytest.mark.parametrize("operation", sorted(CALLED))
def test_an_operation_leaves_an_entry_in_the_transaction_of_what_it_does(
    operation, operations, world, entries, monkeypatch
):
    from destinations.insight import preview
    from destinations.insight.payloads import held

    monkeypatch.setattr(preview, "check", lambda *a, **k: "fine")
    monkeypatch.setattr(held, "offered", lambda *a: True)
    trial = preview.Trial(True, "accepted", "", 200, "", "", 0.1)
    monkeypatch.setattr(preview, "send_test", lambda *a, **k: trial)
    (method, path), (id, body) = operations[operation], calls(world)[operation]
    if operation == "erasures_finish":
        monkeypatch.setattr(erasing, "look", lambda erasure: erasure)
        id = Erasure.objects.create(fingerprint="f", asked_by="ana", profile_id="anna").pk
    if operation == "destinations_resume":
        type(world.destination).objects.filter(pk=world.destination.pk).update(paused_at=NOW)
    if operation == "resources_destroy":
        world.destination.delete()
    if operation == "notice_limits_create":
        world.limits.delete()
    if operation.endswith("_resume") and operation != "destinations_resume":
        getattr(world, operation.partition("s_")[0]).pause()
    if operation == "extensions_install":
        Extension.objects.filter(pk="rabbitmq").update(installed_at=None)
    if operation == "extensions_uninstall":
        Extension.objects.filter(pk="rabbitmq").update(installed_at=NOW)
    client = client_with(scopes=[*EVERYTHING, "tokens:write"])
    url = path.replace("{id}", str(id)).replace("{slug}", str(id))
    entries()
    response = client.generic(method.upper(), url, json.dumps(body or {}), "application/json")
    assert response.status_code < 300, response.content
    left = entries()
    assert left, operation
    assert {(one.face, one.actor_kind, one.actor) for one, _within in left} == {("api", "token", "tests")}
    assert operation in TRIES or all(is_within for _one, is_within in left)


def test_what_the_engine_does_leaves_none(world, entries):
    Backfill.request(world.destination)
    world.profile.document = {"id": "anna", "city": "Ulm"}
    world.profile.save()
    world.destination.name = "Other"
    world.destination.save()
    assert entries() == []
