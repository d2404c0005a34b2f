"""Every page that a person can come to, as the installation answers it: what the test of all pages looks at.

It runs inside an installation. Each address of the URL conf is asked for, with something there for each
placeholder, then what only a form or a button leads to. What that changes is taken back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group, User
from django.db import OperationalError, transaction
from django.template import Template
from django.test import Client, RequestFactory, override_settings
from django.urls import resolve, reverse

from destinations.admin.base.confirm_before_save import REVISION
from destinations.admin.base.versions import as_typed
from destinations.admin.destinations.answers import ANSWER, PAGE
from destinations.admin.resources.form import REMOVE_TEST
from destinations.models import (
    DeliveryAttempt,
    Destination,
    Extension,
    ProfileSync,
    Replay,
    Resource,
)
from profiles.models import Profile
from tests.access.addresses import places, real
from tests.browser import everything
from tracsync.admin import documentation, invitations
from tracsync.admin.site import TracsyncAdminSite
from tracsync.models import SecondFactor
from tracsync.sign_in import second_factor

# Addresses that answer with no page of their own, and what with.
NO_PAGES = {
    "/": "leads to Home",
    "/admin/sign-in/": "leads to the issuer, if there is one",
    "/admin/sign-in/back/": "comes from the issuer, if there is one",
    "/admin/session/": "JSON",
    "/admin/jsi18n/": "JavaScript",
    "/admin/autocomplete/": "JSON",
    "/admin/export/<app>/<model>/": "CSV",
    "/admin/r/<content_type_id>/<object_id>/": "leads to an object's page, which ours have not",
    "/admin/<app_label>/": "leads to the first list",
    "/admin/destinations/destination/editor/paths/": "JSON",
    "/admin/destinations/destination/live/profiles/": "JSON",
    "/admin/destinations/destination/live/sent/": "a piece of the destination's page",
    "/admin/destinations/destination/live/last_answer/": "JSON",
    "/admin/destinations/resource/authorised/": "leads to the resource",
    "/admin/profiles/importjob/<object_id>/refused/": "the refused lines as a file",
    "/admin/tracsync/erasure/download/": "JSON, of a profile that is named",
}
PIECE, LEADS_ON = "/<object_id>/live/", "/<object_id>/"  # a piece of an object's page; leads there
# Pages of those who are on their way in: see `signing_in`.
OF_A_STATE = (
    "/admin/login/",
    "/admin/second-factor/",
    "/admin/second-factor/code/",
    "/admin/join/<uidb64>/<token>/",
)
HTML = "text/html; charset=utf-8"
QUICK = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a good one takes a third of a second


class Page(NamedTuple):
    """What is shown at a path, for somebody signed in or for nobody, in a file."""

    name: str
    path: str
    file: str


class Walk:
    """Asks for pages as somebody who may do everything, and keeps them in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.operator = User.objects.get(username="operator")
        self.client = self.signed_in(self.operator)
        self.pages: list[Page] = []
        self.templates: set[str] = set()
        self.others: list[str] = []

    def signed_in(self, person: User | None, **options: Any) -> Client:
        client = Client(raise_request_exception=False, SERVER_NAME="127.0.0.1", **options)
        if person is not None:
            client.force_login(person)
        return client

    def keep(self, name: str, path: str, answer: Any) -> None:
        assert answer.headers.get("Content-Type") == HTML, f"{name}: {answer.status_code}, no page"
        file = self.directory / f"{len(self.pages)}.html"
        file.write_bytes(answer.content)
        self.pages.append(Page(name, path, str(file)))

    def keep_error(self, status: int, path: str, answer: Any) -> None:
        assert answer.status_code == status
        self.keep(f"{status} {path}", path, answer)

    def get(self, path: str, name: str = "", client: Client | None = None) -> Any:
        """A page that is there."""
        answer = (client or self.client).get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.headers.get('Location')}"
        self.keep(name or path, path, answer)
        return answer

    def post(self, path: str, data: dict[str, Any], name: str, client: Client | None = None) -> None:
        """The page that a form or a button leads to."""
        with taken_back():
            answer = (client or self.client).post(path, data, headers={"Accept": "text/html"})
        assert answer.status_code in (200, 403), (
            f"{name}: {answer.status_code} {answer.headers.get('Location')}"
        )
        self.keep(name, path, answer)

    def form(self, path: str) -> dict[str, Any]:
        """What the browser would send of the form at a path."""
        return dict(as_typed(self.client.get(path).context_data["adminform"].form).lists())


@contextmanager
def taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def noted(templates: set[str]) -> Iterator[None]:
    """Which templates are rendered."""
    render = Template._render

    def note(self: Any, context: Any) -> Any:
        templates.add(self.name)
        return render(self, context)

    with mock.patch.object(Template, "_render", note):
        yield


def walk(directory: str) -> dict[str, Any]:
    """All pages, the templates that they are made of, and addresses that are neither a page nor known."""
    logging.disable(logging.CRITICAL)
    with override_settings(PASSWORD_HASHERS=QUICK):
        return _walk(Path(directory))


def _walk(directory: Path) -> dict[str, Any]:
    ids = everything.fill()
    walked = Walk(directory)
    with noted(walked.templates):
        addresses(walked, ids)
        variants(walked, ids)
        questions(walked, ids)
        forms(walked, ids)
        signing_in(walked)
        errors(walked)
    return {
        "pages": [one._asdict() for one in walked.pages],
        "templates": sorted(filter(None, walked.templates)),
        "others": walked.others,
        "csrftoken": walked.client.cookies["csrftoken"].value,
    }


# What is asked for


def addresses(walked: Walk, ids: dict[str, Any]) -> None:
    """Of the URL conf, outside of the API."""
    refusals = set()
    for place in places():
        if not place.address.startswith("/admin/") or place.address in OF_A_STATE:
            continue
        path = real(place.address, ids)
        answer = walked.client.get(path)
        kind = answer.headers.get("Content-Type")
        if place.address in NO_PAGES or place.address.endswith((PIECE, LEADS_ON)):
            if answer.status_code == 200 and kind == HTML and b"<main" in answer.content:
                walked.others.append(f"{place.address} answers with a page")
        elif answer.status_code == 405 or answer.status_code in refusals:  # for buttons; all look the same
            continue
        elif kind != HTML:
            walked.others.append(f"{place.address} answers with no page: {answer.status_code}")
        elif answer.status_code == 200:
            walked.keep(place.address, path, answer)
        else:
            refusals.add(answer.status_code)
            walked.keep_error(answer.status_code, path, answer)
    walked.others += [f"no {status}" for status in (403, 404) if status not in refusals]


def variants(walked: Walk, ids: dict[str, Any]) -> None:
    """Pages that look otherwise by what their address asks for, or by what there is."""
    at = "/admin/destinations"
    here = f"{at}/destination/{ids['destination']}"
    others = Destination.objects.exclude(pk=ids["destination"])
    paused = Replay.objects.exclude(pk=ids["replay"]).get()
    rejected = DeliveryAttempt.objects.filter(outcome="rejected")[0]
    for path in (
        "/admin/?span=week",
        "/admin/search/?q=Name",
        "/admin/search/?q=nobody",
        "/admin/docs/?q=quiet",
        "/admin/docs/?q=nothinglikeit",
        *(f"/admin/docs/{name}/" for name in documentation.names()[1:]),
        "/admin/profiles/profile/?q=nothinglikeit",
        "/admin/profiles/profile/?q=Name&o=1",
        "/admin/profiles/profile/add/?_popup=1",
        "/admin/profiles/profile/p3/change/",
        f"/admin/profiles/importjob/{ids['checked']}/change/",
        f"{at}/destination/add/?resource={ids['resource']}",
        f"{here}/preview/?profile=p0",
        f"{here}/preview/?profile=nobody",
        f"{here}/history/?from=1&to=2",
        *(f"{at}/destination/{one.pk}/change/" for one in others.only("pk")),
        f"{at}/resource/add/?type=http_api",
        f"{at}/resource/{ids['closed']}/change/",
        f"{at}/extension/?q=nothinglikeit",
        f"{at}/extension/slack/change/",
        f"{at}/profilesync/again/replay/?ids=1",
        f"{at}/deliveryattempt/{rejected.pk}/change/",
        f"{at}/replay/{paused.pk}/change/",
    ):
        walked.get(path)
    with taken_back():  # before anything is there
        for model in (DeliveryAttempt, ProfileSync, Destination, Resource, Profile):
            model._base_manager.all().delete()
        Extension.objects.update(installed_at=None)
        adding = (f"{at}/destination/add/", f"{at}/resource/add/")
        for path in ("/admin/", "/admin/profiles/profile/", f"{at}/destination/", *adding):
            walked.get(path, f"{path} of an empty installation")


def questions(walked: Walk, ids: dict[str, Any]) -> None:
    """What buttons of pages and actions of lists answer with, where it is a page."""
    for place in places():
        if "/act/" in place.address and place.address.startswith("/admin/"):
            ask(walked, place.address, real(place.address, ids), {})
    authorising = f"/admin/destinations/resource/{ids['closed']}/act/authorise/"
    walked.post(authorising, {}, "before a resource is authorised")
    for model, model_admin in admin.site._registry.items():
        opts = model._meta
        path = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
        request = RequestFactory().get(path)
        request.user, request.resolver_match = walked.operator, resolve(path)
        chosen = [str(ids[opts.model_name])]
        for action in model_admin.get_actions(request):
            data = {"action": action, ACTION_CHECKBOX_NAME: chosen}
            ask(walked, f"{path} {action}", path, data)


def ask(walked: Walk, name: str, path: str, data: dict[str, Any]) -> None:
    with taken_back():
        answer = walked.client.post(path, data)
    assert answer.status_code in (200, 302), f"{name}: {answer.status_code}"
    if answer.status_code == 200 and answer.headers["Content-Type"] == HTML:
        walked.keep(f"POST {name}", path, answer)


def forms(walked: Walk, ids: dict[str, Any]) -> None:
    """What a form leads to: it is asked before it is saved, or refused, or shown what is shown once."""
    at = f"/admin/destinations/destination/{ids['destination']}/change/"
    typed = walked.form(at)
    walked.post(at, {**typed, "mapping": '{"only": "profile@id"}'}, "before a destination is saved")
    walked.post(
        at, {**typed, "prerequisites": "profile@plan >< 3", "name": ""}, "a destination with mistakes"
    )
    with taken_back():
        saved = walked.client.post(at, {**typed, "description": "to readers"}, follow=True)
        walked.keep("a destination is saved", saved.request["PATH_INFO"], saved)
    stale = {**typed, REVISION: "0", "description": "mine"}
    walked.post(at, stale, "a destination that somebody else has saved")
    restored = at.replace("change", "restore")
    walked.post(restored, {"number": "1"}, "before a destination is restored")
    resource = f"/admin/destinations/resource/{ids['resource']}/change/"
    walked.post(resource, {**walked.form(resource), "name": ""}, "a resource with mistakes")
    walked.post(resource, {**walked.form(resource), REMOVE_TEST: "on"}, "before credentials are removed")
    token = "/admin/tracsync/apitoken/add/"
    walked.post(token, {**walked.form(token), "name": "new", "scopes": ["profiles:read"]}, "a new token")
    walked.post(token, {}, "a token with mistakes")
    user = "/admin/auth/user/add/"
    role = str(Group.objects.get(name="Viewer").pk)
    invited = {"first_name": "Ada", "last_name": "L", "email": "ada@mail.example", "role": role}
    walked.post(user, invited, "somebody is invited")
    walked.post(user, {}, "an invitation with mistakes")
    walked.post("/admin/password_change/", {"old_password": "wrong"}, "a password with mistakes")
    walked.post("/admin/tracsync/erasure/add/", {}, "an erasure with mistakes")
    walked.post("/admin/profiles/importjob/add/", {}, "no file")
    answers = f"/admin/destinations/destination/live/answer/?destination={ids['destination']}"
    walked.post(answers, {**typed, ANSWER: "{}", PAGE: "yes"}, "what an answer would mean")


def signing_in(walked: Walk) -> None:
    """Pages of nobody in particular, of who has a second factor, and of a session that has ended."""
    nobody = walked.signed_in(None)
    walked.get("/admin/login/", "sign in", nobody)
    walked.post("/admin/login/", {"username": "marie", "password": "x"}, "a wrong password", nobody)
    address = "/admin/profiles/profile/add/"
    walked.post(address, {"document": "{}"}, "a session that has ended", walked.signed_in(None))
    kept = nobody.post(address, {"document": "{}"}, headers={"Accept": "text/html"})
    nobody.force_login(walked.operator)
    sealed = kept.context_data["sealed"]
    walked.post("/admin/session/kept/", {"tracsync_kept": sealed}, "what was typed before", nobody)
    with taken_back():
        walked.keep("signed out", "/admin/logout/", walked.signed_in(walked.operator).post("/admin/logout/"))
    person = User.objects.create_user("new", is_staff=True)
    link = invitations.link(RequestFactory(SERVER_NAME="127.0.0.1").get("/"), person)
    joining = walked.signed_in(None)
    here = joining.get(link).headers["Location"]
    walked.get(here, "a new password", joining)
    walked.post(here, {"new_password1": "x", "new_password2": "y"}, "a new password with mistakes", joining)
    walked.get("/admin/join/MQ/x-y/", "a link that is used up", walked.signed_in(None))
    with_second_factor(walked, person)


def with_second_factor(walked: Walk, person: User) -> None:
    person.set_password("long enough for it")
    person.is_superuser = True
    person.save()
    client = walked.signed_in(person)
    setting_up = "/admin/second-factor/set-up/"
    seed = client.get(setting_up).context_data["key"].replace(" ", "")
    walked.post(setting_up, {"code": "1", "password": "x"}, "a second factor with mistakes", client)
    now = second_factor._totp(seed).generate(time.time()).decode()
    answer = client.post(setting_up, {"code": now, "password": "long enough for it"})
    walked.keep("backup codes", setting_up, answer)
    walked.get("/admin/second-factor/", "a second factor", client)
    half = walked.signed_in(person)
    walked.get("/admin/second-factor/code/", "the code of a second factor", half)
    SecondFactor.objects.all().delete()


def errors(walked: Walk) -> None:
    """The pages of what goes wrong, besides those that addresses have answered with."""
    client, strict = walked.client, walked.signed_in(walked.operator, enforce_csrf_checks=True)
    walked.keep_error(400, "/admin/", client.get("/admin/", SERVER_NAME="elsewhere.example"))
    walked.keep_error(403, "/admin/preferences/", strict.post("/admin/preferences/"))
    for status, error in {500: RuntimeError, 503: OperationalError}.items():
        with mock.patch.object(TracsyncAdminSite, "each_context", side_effect=error):
            walked.keep_error(status, "/admin/settings/", client.get("/admin/settings/"))
    nobody, typed = walked.signed_in(None), {"username": "marie", "password": "x"}
    tries = (nobody.post("/admin/login/", typed) for _try in range(100))
    walked.keep_error(429, "/admin/login/", next(one for one in tries if one.status_code == 429))
