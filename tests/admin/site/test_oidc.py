"""Signing in by an issuer: there and back, who is who, which roles, and what is not believed."""

import os
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from tests.harness import ROOT, free_port, wait_for
from tests.oidc_issuer import CLIENT, SECRET, Issuer, other_key, shared_key
from tracsync.models import Identity
from tracsync.sign_in import second_factor

HOME, LOGIN = reverse("admin:index"), reverse("admin:login")
BEGIN, BACK = reverse("admin:oidc"), reverse("admin:oidc_back")
PASSWORD = "a-long-enough-password-7f3a"
JANA = {"sub": "42", "email": "Jana@mail.example", "email_verified": True}


@pytest.fixture(scope="module")
def running():
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture
def issuer(running, settings):
    running.signed_with, running.algorithm = running.key, "RS256"
    running.claims, running.userinfo, running.lies, running.metadata = {**JANA}, {"sub": "42"}, {}, {}
    running.calls = []
    settings.TRACSYNC_OIDC_ISSUER, settings.TRACSYNC_OIDC_NAME = running.url, "Example Login"
    settings.TRACSYNC_OIDC_CLIENT_ID, settings.TRACSYNC_OIDC_CLIENT_SECRET = CLIENT, SECRET
    cache.clear()
    yield running
    cache.clear()


@pytest.fixture
def jana(db):
    return User.objects.create_user("jana", "jana@mail.example", PASSWORD, is_staff=True)


def come(client, issuer, next=HOME):
    """To the issuer and back, as a browser does it: the last answer."""
    to = client.get(BEGIN, {"next": next})
    assert to.status_code == 302, to.content.decode()
    return client.get(issuer.sign_in(to.url))


def is_in(client):
    return client.get(HOME).status_code == 200


def refused(answer, sentence):
    assert answer.status_code == 403
    text = answer.content.decode()
    assert sentence in text
    assert "Traceback" not in text
    return True


def test_somebody_is_found_by_a_verified_address_and_then_by_subject(issuer, jana, client):
    shown = client.get(LOGIN).content.decode()
    assert "Sign in with Example Login" in shown
    wanted = reverse("admin:preferences")
    assert come(client, issuer, next=wanted).url == wanted
    assert client.get(HOME).context["user"] == jana
    assert client.session.get_expiry_age() <= 12 * 3600
    issuer.claims |= {"email": "married@mail.example", "email_verified": False}
    other = Client()
    come(other, issuer)
    assert other.get(HOME).context["user"] == jana
    assert Identity.objects.get().subject == "42"


def test_a_real_provider_lets_somebody_in(jana, settings, client, tmp_path):
    """oidc-provider-mock, a program of its own."""
    port = free_port()
    claims = '{"email": "jana@mail.example", "email_verified": true, "sub": "jana"}'
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen([*command, "--user-claims", claims], cwd=tmp_path, env=environment)
    url = f"http://localhost:{port}"

    def answers():
        try:
            return requests.get(f"{url}/.well-known/openid-configuration", timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        wait_for(answers, "the provider")
        settings.TRACSYNC_OIDC_ISSUER, settings.TRACSYNC_OIDC_NAME = url, "mock"
        settings.TRACSYNC_OIDC_CLIENT_ID, settings.TRACSYNC_OIDC_CLIENT_SECRET = CLIENT, SECRET
        to = client.get(BEGIN).url
        led = requests.post(to, data={"sub": "jana"}, allow_redirects=False, timeout=10)
        assert client.get(led.headers["Location"]).url == HOME
        assert client.get(HOME).context["user"] == jana
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"email_verified": False}, "is not verified there"),
        ({"email_verified": "false"}, "is not verified there"),
        ({"email_verified": None}, "is not verified there"),
        ({"email": None}, "was not told"),
        ({"email": ["jana@mail.example"]}, "was not told"),
        ({"email": "nobody@mail.example"}, "Nobody here has your e-mail address"),
    ],
)
def test_who_is_not_found_stays_out(issuer, jana, client, claims, sentence):
    issuer.claims |= claims
    assert refused(come(client, issuer), sentence)
    assert not is_in(client)
    assert (User.objects.count(), Identity.objects.count()) == (1, 0)


def test_an_address_of_several_people_is_nobodys(issuer, jana, client):
    User.objects.create_user("jana@mail.example", is_staff=True)
    assert refused(come(client, issuer), "Several people")


def test_an_address_that_another_account_has_by_now_is_not_enough(issuer, jana, client, admin_client):
    come(client, issuer)
    issuer.claims["sub"] = "43"
    other = Client()
    assert refused(come(other, issuer), "Somebody else has signed in")
    page = reverse("admin:auth_user_change", args=[jana.pk])
    unlink = reverse("admin:auth_user_act", args=[jana.pk, "unlink"])
    assert unlink in admin_client.get(page).content.decode()
    admin_client.post(unlink)
    come(other, issuer)
    assert is_in(other)


@pytest.mark.parametrize("field", ["is_active", "is_staff"])
@pytest.mark.parametrize("is_linked", [False, True])
def test_who_was_deactivated_here_stays_out(issuer, jana, client, field, is_linked):
    if is_linked:
        come(client, issuer)
    User.objects.filter(pk=jana.pk).update(**{field: False})
    assert not is_in(client)
    assert refused(come(Client(), issuer), "You may not sign in here")


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "somebody else"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1_700_000_000},
        {"sub": None},
        {"iat": None},
    ],
)
def test_a_token_that_is_not_for_this_is_not_believed(issuer, jana, client, lies):
    issuer.lies = lies
    assert refused(come(client, issuer), "did not say who you are")
    assert not is_in(client)


@pytest.mark.parametrize(("key", "algorithm"), [(other_key, "RS256"), (shared_key, "HS256")])
def test_nor_is_one_that_others_have_signed(issuer, jana, client, key, algorithm):
    issuer.signed_with, issuer.algorithm = key(), algorithm
    assert refused(come(client, issuer), "did not say who you are")
    assert not is_in(client)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": "ftp://elsewhere.example/token"},
        {"token_endpoint": None},
    ],
)
def test_an_issuer_that_is_another_is_not_asked(issuer, jana, client, metadata, caplog):
    issuer.metadata = metadata
    assert refused(client.get(BEGIN), "did not say who you are")
    assert SECRET not in caplog.text


def test_an_issuer_that_is_away(issuer, jana, client, settings):
    settings.TRACSYNC_OIDC_ISSUER = f"http://127.0.0.1:{free_port()}"
    assert refused(client.get(BEGIN), "did not say who you are")


def test_only_what_this_browser_began_comes_back(issuer, jana, client):
    """Else somebody could be signed in as somebody else by a link."""
    back = issuer.sign_in(client.get(BEGIN).url)
    asked = len(issuer.calls)
    victim = Client()
    for address in (back, f"{BACK}?code=x&state=y", BACK, f"{BACK}?error=access_denied"):
        assert refused(victim.get(address), "did not say who you are")
    assert len(issuer.calls) == asked, "nobody asks the issuer for what was not begun"
    assert client.get(back).url == HOME
    assert refused(client.get(back), "did not say who you are"), "and that once"


def test_a_wrong_secret_is_said_in_the_log_alone(issuer, jana, client, settings, caplog):
    settings.TRACSYNC_OIDC_CLIENT_SECRET = "another-secret-of-ours"
    assert refused(come(client, issuer), "did not say who you are")
    assert "invalid_client" in caplog.text
    assert "another-secret-of-ours" not in caplog.text


def test_what_the_token_lacks_the_issuer_is_asked_for(issuer, jana, client):
    issuer.claims = {"sub": "42"}
    issuer.userinfo = {**JANA, "sub": "43"}
    assert refused(come(client, issuer), "did not say who you are"), "that is somebody else"
    issuer.userinfo = {**JANA}
    come(client, issuer)
    assert is_in(client)


def test_groups_give_and_take_the_roles_that_they_stand_for(issuer, jana, client, settings):
    settings.TRACSYNC_OIDC_ROLES = {"crm": "Editor", "staff": "Viewer", "gone": "No such role"}
    kept = Group.objects.create(name="Ours")
    jana.groups.set([kept, Group.objects.get(name="Viewer")])

    def roles(**claims):
        issuer.claims |= claims
        come(Client(), issuer)
        return sorted(jana.groups.values_list("name", flat=True))

    assert roles(groups=["crm", "gone", "others"]) == ["Editor", "Ours"]
    assert roles(groups="staff") == ["Ours", "Viewer"]
    assert roles(groups=None) == ["Ours"], "an issuer that names none means none"
    settings.TRACSYNC_OIDC_GROUPS_CLAIM = "realm_access.roles"
    assert roles(realm_access={"roles": ["crm"]}) == ["Editor", "Ours"]
    assert roles(realm_access="nonsense") == ["Ours"]
    settings.TRACSYNC_OIDC_GROUPS_CLAIM = "https://example.org/groups"
    assert roles(**{"https://example.org/groups": ["crm"]}) == ["Editor", "Ours"]
    jana.refresh_from_db()
    assert not jana.is_superuser


@pytest.mark.parametrize(
    ("create", "groups", "is_made"),
    [(False, ["crm"], False), (True, [], False), (True, ["gone"], False), (True, ["crm"], True)],
)
def test_unknown_people_are_made_only_where_wanted_and_with_a_role(
    issuer, db, client, settings, create, groups, is_made
):
    settings.TRACSYNC_OIDC_CREATE = create
    settings.TRACSYNC_OIDC_ROLES = {"crm": "Editor", "gone": "No such role"}
    issuer.claims |= {"groups": groups, "given_name": "Jana", "family_name": "Vogt"}
    answer = come(client, issuer)
    assert is_in(client) is is_made
    if not is_made:
        assert refused(answer, "Nobody here has your e-mail address")
        assert not User.objects.exists()
        return
    made = User.objects.get()
    assert (made.username, made.get_full_name(), made.has_usable_password(), made.is_superuser) == (
        "jana@mail.example",
        "Jana Vogt",
        False,
        False,
    )
    assert [group.name for group in made.groups.all()] == ["Editor"]


def test_a_new_one_with_an_unverified_address_is_not_made(issuer, db, client, settings):
    settings.TRACSYNC_OIDC_CREATE, settings.TRACSYNC_OIDC_ROLES = True, {"crm": "Editor"}
    issuer.claims |= {"groups": ["crm"], "email_verified": False}
    assert refused(come(client, issuer), "is not verified there")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("trusted", "methods", "is_let_in"),
    [("here", None, False), ("here", ["pwd"], False), ("here", ["pwd", "mfa"], True), ("issuer", None, True)],
)
def test_nobody_goes_around_the_second_factor(issuer, jana, client, settings, trusted, methods, is_let_in):
    second_factor_of(jana)
    settings.TRACSYNC_OIDC_SECOND_FACTOR = trusted
    issuer.claims["amr"] = methods
    come(client, issuer)
    assert is_in(client) is is_let_in
    if not is_let_in:
        assert (
            client.get(HOME, follow=True)
            .redirect_chain[-1][0]
            .startswith(reverse("admin:second_factor_code"))
        )


def second_factor_of(person):
    from tests.admin.site.test_second_factor import Phone

    seed = second_factor.new_seed()
    assert second_factor.set_up(person, seed, Phone(seed).code())


@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "//elsewhere.example"])
def test_it_leads_nowhere_else(issuer, jana, client, wanted):
    assert come(client, issuer, next=wanted).url == HOME


def test_passwords_can_be_for_superusers_only(issuer, jana, client, settings, admin_user):
    settings.TRACSYNC_LOCAL_SIGN_IN = "superusers"
    shown = client.get(LOGIN).content.decode()
    assert "With a password only superusers sign in here." in shown
    answers = [
        client.post(LOGIN, {"username": "jana", "password": password}).content.decode()
        for password in (PASSWORD, "wrong")
    ]
    csrf = re.compile(r'(csrfmiddlewaretoken" value="|nonce=")[^"]*')
    assert csrf.sub("", answers[0]) == csrf.sub("", answers[1]), "it tells nobody which one is right"
    assert not is_in(client)
    come(client, issuer)
    assert is_in(client)
    break_glass = Client()
    break_glass.post(LOGIN, {"username": "admin", "password": "password"})
    assert is_in(break_glass)


def test_whoever_is_invited_then_is_led_to_the_issuer(issuer, db, admin_client, settings, client):
    settings.TRACSYNC_LOCAL_SIGN_IN = "superusers"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    role = Group.objects.get(name="Viewer").pk
    invited = {"first_name": "Jana", "email": "jana@mail.example", "role": role}
    admin_client.post(reverse("admin:auth_user_add"), invited)
    assert "Sign in with Example Login here:\n\nhttp://testserver/admin/login/" in mail.outbox[0].body
    come(client, issuer)
    assert is_in(client)


def test_a_password_after_a_visit_to_the_issuer_lasts_as_long_as_any(issuer, jana, client):
    client.get(BEGIN)
    client.post(LOGIN, {"username": "jana", "password": PASSWORD})
    assert client.session.get_expiry_age() > 13 * 24 * 3600


def test_without_an_issuer_there_is_nothing(client, db):
    assert "t-issuer" not in client.get(LOGIN).content.decode()
    assert [client.get(path).status_code for path in (BEGIN, BACK)] == [404, 404]


def test_the_way_there_asks_for_no_more_than_it_needs(issuer, jana, client):
    asked = parse_qs(urlsplit(client.get(BEGIN).url).query)
    assert asked["scope"] == ["openid email profile"]
    assert asked["redirect_uri"] == ["http://testserver/admin/sign-in/back/"]


ISSUER = {
    "TRACSYNC_OIDC_ISSUER": "https://login.example",
    "TRACSYNC_OIDC_CLIENT_ID": "x",
    "TRACSYNC_OIDC_CLIENT_SECRET": "planted-7f3a",
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"TRACSYNC_OIDC_ISSUER": "http://login.example"}, "is no address such as https://"),
        ({"TRACSYNC_OIDC_ISSUER": "https://"}, "is no address such as https://"),
        ({"TRACSYNC_OIDC_CLIENT_ID": ""}, "needs TRACSYNC_OIDC_CLIENT_ID"),
        ({"TRACSYNC_OIDC_CLIENT_SECRET": ""}, "needs TRACSYNC_OIDC_CLIENT_SECRET"),
        ({"TRACSYNC_OIDC_ROLES": "admins"}, "is no list of pairs"),
        ({"TRACSYNC_OIDC_ISSUER": "", "TRACSYNC_LOCAL_SIGN_IN": "superusers"}, "needs TRACSYNC_OIDC_ISSUER"),
        ({"WITHOUT": "authlib"}, "needs the extra “oidc”"),
    ],
)
def test_settings_that_cannot_be_are_said(tmp_path, changed, said):
    code = (
        "import os, sys, importlib.util as util; find = util.find_spec\n"
        "gone = os.environ.get('WITHOUT')\n"
        "util.find_spec = lambda name, *rest: None if name == gone else find(name, *rest)\n"
        "from django.core.management import execute_from_command_line as run; run(['manage.py', 'check'])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tracsync.settings", **ISSUER, **changed}
    environment["TRACSYNC_DATA_DIR"] = str(tmp_path)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode != 0
    assert said in done.stderr
    assert "planted-7f3a" not in done.stderr
