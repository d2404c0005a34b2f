"""People and roles: inviting somebody, the link to set a password, and what lists and pages show."""

import re
from typing import ClassVar

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.urls import reverse

ADD = reverse("admin:auth_user_add")
PASSWORD = "a-long-enough-password-7f3a"


@pytest.fixture
def invite(admin_client):
    def post(**data):
        given = {"first_name": "Jana", "last_name": "Vogt", "email": "Jana@mail.example"}
        role = Group.objects.get(name="Operator").pk
        return admin_client.post(ADD, {**given, "role": role, **data})

    return post


@pytest.fixture
def with_mail(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def link_in(text):
    return re.search(r"http://testserver(/admin/join/[^\s<]+)", text)[1]


def set_password(client, link):
    form = client.get(link).url  # the token leaves the address
    return client.post(form, {"new_password1": PASSWORD, "new_password2": PASSWORD})


def test_who_is_invited_sets_a_password_and_signs_in(invite, with_mail, client):
    assert invite().url == reverse("admin:auth_user_changelist")
    [sent] = mail.outbox
    assert sent.to == ["jana@mail.example"]
    user = User.objects.get(email="jana@mail.example")
    assert (user.username, user.is_staff, user.is_superuser) == ("jana@mail.example", True, False)
    assert [group.name for group in user.groups.all()] == ["Operator"]
    assert not user.has_usable_password()
    link = link_in(sent.body)
    assert set_password(client, link).url == reverse("admin:login")
    shown = client.get(reverse("admin:login")).content.decode()
    assert "Your password is set. Sign in as jana@mail.example." in shown
    client.post(reverse("admin:login"), {"username": "Jana@Mail.Example", "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(user.pk)
    client.logout()
    again = client.get(link).content.decode()
    assert "This link does not work any more" in again
    assert 'href="/admin/login/"' in again
    assert User.objects.get(pk=user.pk).check_password(PASSWORD), "a link works once"


def test_without_mail_the_link_is_shown_once(invite, settings, admin_client):
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    text = invite().content.decode()
    link = link_in(text)
    assert "cannot be shown again" in text
    assert link not in admin_client.get(reverse("admin:auth_user_changelist")).content.decode()


class Noting(BaseEmailBackend):
    """Notes in how many transactions, beside that of the test, it was asked to send."""

    open_ones: ClassVar[list[int]] = []

    def send_messages(self, messages):
        self.open_ones.append(len(connection.savepoint_ids))
        raise OSError


def test_nobody_waits_for_a_mail_server(invite, settings):
    settings.EMAIL_BACKEND = f"{__name__}.{Noting.__name__}"
    text = invite().content.decode()
    assert Noting.open_ones == [0]
    assert User.objects.filter(email="jana@mail.example").exists()
    assert link_in(text)


def test_the_link_says_who_signs_in_and_what_a_password_is(invite, with_mail, client):
    invite()
    form = client.get(link_in(mail.outbox[0].body), follow=True).content.decode()
    assert "You sign in as jana@mail.example" in form
    assert "at least" in form
    german = client.get("/admin/join/MQ/x-y/", headers={"accept-language": "de"}).content.decode()
    assert "Dieser Link gilt nicht mehr" in german


@pytest.mark.parametrize(
    "data", [{"email": "JANA@mail.example"}, {"email": "no"}, {"email": ""}, {"role": ""}]
)
def test_what_makes_no_sense_is_said_and_nobody_is_added(invite, with_mail, data):
    User.objects.create_user("somebody", email="jana@mail.example")
    assert invite(**data).status_code == 200
    assert User.objects.filter(email__iexact="jana@mail.example").count() == 1
    assert not mail.outbox


def test_a_new_link_for_who_lost_it(invite, with_mail, admin_client):
    invite()
    user = User.objects.get(email="jana@mail.example")
    chosen = {"action": "make_link", "_selected_action": user.pk}
    admin_client.post(reverse("admin:auth_user_changelist"), chosen)
    assert len(mail.outbox) == 2


def test_nobody_but_a_superuser_makes_a_link_for_one(allow, admin_user, with_mail):
    client = allow("auth.view_user", "auth.change_user")
    chosen = {"action": "make_link", "_selected_action": admin_user.pk}
    client.post(reverse("admin:auth_user_changelist"), chosen)
    assert not mail.outbox


def test_who_may_not_add_people_invites_nobody(allow):
    assert allow("auth.view_user").get(ADD).status_code == 403


def test_people_are_shown_with_their_roles_and_no_hash(page, invite, with_mail):
    invite()
    user = User.objects.get(email="jana@mail.example")
    text = page("auth_user_changelist")
    assert "Jana Vogt" in text
    assert re.search(r'data-label="Roles"[^>]*>Operator<', text)
    assert "Invited" in text
    user.set_password(PASSWORD)
    user.save()
    text = page("auth_user_change", user.pk)
    assert user.password.split("$")[-1][:6] not in text
    assert "pbkdf2" not in text
    assert "Advanced: no permission beside those of the roles" in text


def test_the_form_says_what_it_does_and_what_each_role_may(admin_client):
    text = admin_client.get(ADD).content.decode()
    assert re.search(r'<button type="submit"[^>]*>Invite</button>', text)
    assert 'value="Save"' not in text
    german = admin_client.get(ADD, headers={"accept-language": "de"}).content.decode()
    assert re.search(r'<button type="submit"[^>]*>Einladen</button>', german)
    told = dict(re.findall(r">\s*(\w+) <small[^>]*>([^<]*)</small>", text))
    assert told["Viewer"] == "May look at destinations, profiles and what was sent."
    assert "pause, resume and backfill destinations, send again" in told["Operator"]
    assert "change destinations and resources" not in told["Operator"]
    assert "change destinations and resources" in told["Editor"]


def test_what_a_role_is_said_to_do_is_what_it_may_by_now(admin_client):
    Group.objects.get(name="Operator").permissions.remove(
        Permission.objects.get(codename="change_profilesync")
    )
    Group.objects.create(name="Nobody")
    text = admin_client.get(ADD).content.decode()
    told = dict(re.findall(r">\s*(\w+) <small[^>]*>([^<]*)</small>", text))
    assert "send again" not in told["Operator"]
    assert "Nobody" in text
    assert "Nobody" not in told
