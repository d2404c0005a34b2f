"""Nobody gives what they do not have: by a form, by what is posted past it, by a link, by a token."""

import re

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.urls import reverse

from destinations.configuration.groups import EDITOR, OPERATOR, VIEWER
from tracsync.models import ApiToken

PASSWORD = "a-long-enough-password-7f3a"
PEOPLE = [
    f"auth.{action}_{model}" for action in ("view", "add", "change", "delete") for model in ("user", "group")
]
TOKENS = [f"tracsync.{action}_apitoken" for action in ("view", "add", "change", "delete")]
# `django.contrib.admin` asks for these where what refers to a person is deleted with them.
WITH_THEM = [f"tracsync.delete_{model}" for model in ("preferences", "noticechannel", "apitoken")]


@pytest.fixture
def warden(allow, user, settings):
    """Who is an Operator, and sees to people, roles and tokens: the client, signed in."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    user.groups.add(role(OPERATOR))
    return allow(*PEOPLE, *TOKENS)


def role(name):
    return Group.objects.get(name=name)


def permission(name):
    return Permission.objects.get(codename=name)


def made(name, *roles, **fields):
    person = User.objects.create_user(name, f"{name}@mail.example", PASSWORD, is_staff=True, **fields)
    person.groups.set([role(one) for one in roles])
    return person


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


def as_posted(person, **changed):
    fields = {"username": person.username, "email": person.email, "is_active": "on", "is_staff": "on"}
    groups = [group.pk for group in person.groups.all()]
    own = [one.pk for one in person.user_permissions.all()]
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    return {**fields, **joined, "groups": groups, "user_permissions": own, **changed}


def test_forms_offer_what_may_be_given(warden, user, admin_client):
    def offered(address, name):
        form = warden.get(address).context["adminform"].form
        return set(form.fields[name].queryset)

    roles = {role(VIEWER), role(OPERATOR)}
    own = set(user.user_permissions.all()) | set(role(OPERATOR).permissions.all())
    assert offered(url("auth_user_add"), "role") == roles
    viewer = url("auth_user_change", made("viewer", VIEWER).pk)
    assert (offered(viewer, "groups"), offered(viewer, "user_permissions")) == (roles, own)
    assert offered(url("auth_group_add"), "permissions") == own
    assert "is_superuser" not in warden.get(viewer).context["adminform"].form.fields
    everything = admin_client.get(viewer).context["adminform"].form.fields
    assert set(everything["groups"].queryset) == {*Group.objects.all()}
    assert everything["user_permissions"].queryset.count() == Permission.objects.count()


@pytest.mark.parametrize(("name", "accepted"), [(VIEWER, True), (OPERATOR, True), (EDITOR, False)])
def test_an_invitation_gives_roles_that_one_could_have(warden, name, accepted):
    asked = {"first_name": "Jana", "email": "jana@mail.example", "role": role(name).pk}
    warden.post(url("auth_user_add"), asked)
    assert User.objects.filter(email="jana@mail.example").exists() is accepted
    assert len(mail.outbox) == accepted


@pytest.mark.parametrize("whose", ["own", "another's"])
def test_what_is_posted_past_the_form_gives_nothing(warden, user, whose):
    person = user if whose == "own" else made("viewer", VIEWER)
    before = person.get_all_permissions()
    address = url("auth_user_change", person.pk)
    warden.post(address, as_posted(person, groups=[role(EDITOR).pk]))
    warden.post(address, as_posted(person, user_permissions=[permission("change_resource").pk]))
    assert warden.post(address, as_posted(person, first_name="Jo", is_superuser="on")).status_code == 302
    person = User.objects.get(pk=person.pk)
    assert (person.first_name, person.is_superuser) == ("Jo", False)  # the rest of the form was saved
    assert person.get_all_permissions() == before


@pytest.mark.parametrize("how", ["role", "single", "superuser", "superuser who is off"])
def test_people_who_may_do_more_are_out_of_reach(warden, how):
    person = made("editor", *[EDITOR] * (how == "role"), is_superuser=how.startswith("superuser"))
    if how == "single":
        person.user_permissions.add(permission("change_resource"))
    if how.endswith("off"):
        User.objects.filter(pk=person.pk).update(is_active=False)
    before = User.objects.filter(pk=person.pk).values().get()
    change, password = url("auth_user_change", person.pk), url("auth_user_password_change", person.pk)
    new = {"password1": PASSWORD[::-1], "password2": PASSWORD[::-1], "usable_password": "true"}
    assert warden.get(change).status_code == 200  # to read
    assert warden.post(change, as_posted(person, email="mine@mail.example")).status_code == 403
    assert warden.post(password, new).status_code == 403
    assert warden.post(url("auth_user_delete", person.pk), {"post": "yes"}).status_code == 403
    chosen = {"_selected_action": [person.pk], "post": "yes"}
    for action in ("make_link", "delete_selected"):
        warden.post(url("auth_user_changelist"), {"action": action, **chosen})
    assert User.objects.filter(pk=person.pk).values().get() == before
    assert not mail.outbox


def test_people_who_may_do_no_more_are_in_hand(warden, allow):
    person = made("viewer", VIEWER)
    warden.post(url("auth_user_change", person.pk), as_posted(person, email="new@mail.example"))
    new = {"password1": PASSWORD[::-1], "password2": PASSWORD[::-1], "usable_password": "true"}
    warden.post(url("auth_user_password_change", person.pk), new)
    person.refresh_from_db()
    assert (person.email, person.check_password(PASSWORD[::-1])) == ("new@mail.example", True)
    chosen = {"action": "make_link", "_selected_action": [person.pk]}
    warden.post(url("auth_user_changelist"), chosen)
    assert len(mail.outbox) == 1


def test_a_role_is_given_no_more_than_one_has(warden, user):
    own = role(OPERATOR)
    before = set(own.permissions.all())
    wanted = [one.pk for one in before] + [permission("change_resource").pk]
    for address in (url("auth_group_change", own.pk), url("auth_group_add")):
        assert warden.post(address, {"name": "Ours", "permissions": wanted}).status_code == 200
    assert (set(own.permissions.all()), Group.objects.filter(name="Ours").count()) == (before, 0)
    less = [one.pk for one in before][1:]
    warden.post(url("auth_group_add"), {"name": "Ours", "permissions": less})
    assert {one.pk for one in role("Ours").permissions.all()} == {*less}


@pytest.mark.parametrize("why", ["it allows more", "somebody in it may do more"])
def test_a_role_that_is_out_of_reach(warden, why):
    group = role(EDITOR if why == "it allows more" else VIEWER)
    made("editor", EDITOR, VIEWER)
    before = set(group.permissions.all())
    posted = warden.post(url("auth_group_change", group.pk), {"name": "Nothing", "permissions": []})
    assert posted.status_code == 403
    assert warden.post(url("auth_group_delete", group.pk), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    warden.post(url("auth_group_changelist"), chosen)
    assert set(Group.objects.get(name=group.name).permissions.all()) == before


def scopes_of(client, address):
    return {value for value, _label in client.get(address).context["adminform"].form.fields["scopes"].choices}


def test_a_token_is_worth_no_more_than_who_makes_it(warden, user):
    add = url("tracsync_apitoken_add")
    offered = {"profiles:read", "configuration:read", "deliveries:write", "operations:write"}
    assert offered < scopes_of(warden, add)
    assert not scopes_of(warden, add) & {"profiles:write", "ingest", "configuration:write", "privacy:read"}
    for beyond in ("profiles:write", "ingest", "privacy:write"):
        assert warden.post(add, {"name": "CRM", "scopes": ["profiles:read", beyond]}).status_code == 200
    assert not ApiToken.objects.exists()
    warden.post(add, {"name": "CRM", "scopes": ["profiles:read"]})
    token = ApiToken.objects.get()
    assert (token.owner, token.granted) == (user, ("profiles:read",))
    change = url("tracsync_apitoken_change", token.pk)
    warden.post(change, {"name": "ERP", "scopes": ["profiles:read", "profiles:write"]})
    assert ApiToken.objects.get().granted == ("profiles:read",)
    warden.post(change, {"name": "ERP", "scopes": ["operations:read"]})
    assert ApiToken.objects.filter(name="ERP", scopes=["operations:read"]).exists()


def test_an_editor_makes_tokens_that_change(warden, user):
    user.groups.set([role(EDITOR)])
    warden.post(url("tracsync_apitoken_add"), {"name": "CRM", "scopes": ["profiles:write"]})
    assert not ApiToken.objects.get(owner=user).read_only


def test_nobodys_is_given_to_somebody_who_may_as_much(admin_client):
    token, _text = ApiToken.generate("CRM", scopes=["profiles:write"])
    token.save()
    change, viewer, editor = url("tracsync_apitoken_change", token.pk), made("v", VIEWER), made("e", EDITOR)
    for whose, owner in ((viewer, None), (editor, editor)):
        admin_client.post(change, {"name": "CRM", "scopes": ["profiles:write"], "owner": whose.pk})
        token.refresh_from_db()
        assert token.owner == owner
    admin_client.post(change, {"name": "CRM", "scopes": ["profiles:write"], "owner": viewer.pk})
    token.refresh_from_db()
    assert token.owner == editor, "and stays theirs"


@pytest.mark.parametrize("whose", ["nobody", "editor"])
def test_tokens_of_who_may_do_more_are_out_of_reach(warden, whose):
    token, _text = ApiToken.generate("CRM", owner=made("editor", EDITOR) if whose == "editor" else None)
    token.save()
    assert warden.post(url("tracsync_apitoken_change", token.pk), {"name": "ERP"}).status_code == 403
    assert warden.post(url("tracsync_apitoken_rotate", token.pk), {"overlap_hours": 1}).status_code == 403
    assert warden.post(url("tracsync_apitoken_delete", token.pk), {"post": "yes"}).status_code == 403
    assert ApiToken.objects.filter(name="CRM").exists()


def test_who_goes_takes_their_tokens_along(warden, allow):
    person = made("viewer", VIEWER)
    ApiToken.generate("CRM", owner=person, read_only=True)[0].save()
    allow(*WITH_THEM).post(url("auth_user_delete", person.pk), {"post": "yes"})
    assert not User.objects.filter(pk=person.pk).exists()
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("given", ["superuser", "role", "single"])
def test_a_link_ends_where_its_person_is_given_more(warden, client, settings, given):
    """Who made it has seen it, where there is no e-mail."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    person = made("viewer", VIEWER)
    chosen = {"action": "make_link", "_selected_action": [person.pk]}
    shown = warden.post(url("auth_user_changelist"), chosen).content.decode()
    link = re.search(r"http://testserver(/admin/join/[^\s<]+)", shown)[1]
    warden.logout()
    assert client.get(link).status_code == 302, "it leads on to the form"
    if given == "superuser":
        User.objects.filter(pk=person.pk).update(is_superuser=True)
    elif given == "role":
        person.groups.add(role(EDITOR))
    else:
        person.user_permissions.add(permission("change_resource"))
    form = client.get(link)
    assert form.status_code == 200
    assert "new_password1" not in form.content.decode()
    password = {"new_password1": PASSWORD[::-1], "new_password2": PASSWORD[::-1]}
    client.post(link, password)
    client.post(link.rsplit("/", 2)[0] + "/set-password/", password)
    assert User.objects.get(pk=person.pk).check_password(PASSWORD)
