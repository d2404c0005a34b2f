"""Signing in: wrong passwords have to wait, by name and by address, and what ends sessions."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import reverse

from tracsync.api import callers
from tracsync.environment import Environment

LOGIN = reverse("admin:login")
HERE, ELSEWHERE = "192.0.2.1", "2001:db8::7"


@pytest.fixture
def clock():
    with time_machine.travel("2026-01-01", tick=False) as clock:
        yield clock


@pytest.fixture
def sign_in(settings, client, user):
    settings.AXES_ENABLED = True

    def post(password, name="operator", address=HERE, **headers):
        given = {"username": name, "password": password}
        return client.post(LOGIN, given, REMOTE_ADDR=address, headers=headers)

    return post


def test_a_name_waits_after_ten_wrong_passwords_wherever_they_come_from(sign_in, clock):
    for number in range(9):
        assert sign_in("wrong", address=f"192.0.2.{number + 10}").status_code == 200
    refused = sign_in("wrong")
    assert (refused.status_code, refused["Retry-After"]) == (429, "900")
    text = refused.content.decode()
    assert "too many wrong passwords" in text
    assert "Try again in 15 minutes." in text
    assert "let you in sooner" in text
    assert sign_in("operator", address=ELSEWHERE).status_code == 429, "or it would tell which one is right"
    assert (
        "zu viele falsche Passwörter oder Codes"
        in sign_in("wrong", **{"accept-language": "de"}).content.decode()
    )
    clock.shift(timedelta(minutes=15, seconds=1))
    assert sign_in("operator").status_code == 302


def test_an_address_waits_after_ten_wrong_passwords_whatever_the_names(sign_in, clock):
    for number in range(10):
        sign_in("wrong", name=f"somebody{number}")
    assert sign_in("operator").status_code == 429
    assert sign_in("operator", address=ELSEWHERE).status_code == 302


def test_it_is_said_how_long_to_wait(sign_in, clock):
    for number in range(10):
        sign_in("wrong", address=f"192.0.2.{number + 10}")
        clock.shift(timedelta(minutes=1))
    refused = sign_in("operator")  # the oldest of ten is forgotten fifteen minutes after it
    assert refused["Retry-After"] == "300"
    assert "Try again in 5 minutes." in refused.content.decode()
    clock.shift(timedelta(minutes=4, seconds=30))
    assert "Try again in 1 minute." in sign_in("operator").content.decode()
    clock.shift(timedelta(seconds=31))
    assert sign_in("operator").status_code == 302


def test_nobody_locks_out_for_good_who_has_signed_in_before(sign_in, clock):
    """Their browser is known; what others try with their name from elsewhere is no matter there."""
    assert sign_in("operator").status_code == 302
    for _ in range(10):
        Client().post(LOGIN, {"username": "operator", "password": "wrong"}, REMOTE_ADDR=ELSEWHERE)
    stranger = Client().post(LOGIN, {"username": "operator", "password": "operator"}, REMOTE_ADDR="192.0.2.9")
    assert stranger.status_code == 429
    assert sign_in("operator").status_code == 302
    for _ in range(10):
        sign_in("wrong")
    assert sign_in("operator").status_code == 429, "but there, too, wrong ones wait"


@pytest.mark.parametrize("how", ["made up", "of somebody else"])
def test_a_cookie_of_nobody_lets_nobody_in(sign_in, clock, client, user, how):
    User.objects.create_user("other", password="other", is_staff=True)
    assert sign_in("other", name="other").status_code == 302
    if how == "made up":
        client.cookies["tracsync_known"] = "operator:1tB2cD:nonsense"
    for number in range(10):
        sign_in("wrong", address=f"192.0.2.{number + 10}")
    assert sign_in("operator", address=ELSEWHERE).status_code == 429


def test_a_known_browser_is_named_by_nothing_readable(sign_in, clock, client):
    sign_in("operator")
    cookie = client.cookies["tracsync_known"]
    assert "operator" not in cookie.value
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/admin/")


@pytest.fixture
def locked(sign_in, clock, user):
    for _ in range(10):
        sign_in("wrong")
    return reverse("admin:auth_user_change", args=[user.pk]), reverse(
        "admin:auth_user_act", args=[user.pk, "unlock"]
    )


def test_whoever_sees_to_people_unlocks_on_their_page(locked, sign_in, admin_client):
    page, unlock = locked
    assert unlock in admin_client.get(page).content.decode()
    assert admin_client.get(unlock).status_code == 405
    assert sign_in("operator").status_code == 429
    assert "can sign in again" in admin_client.post(unlock, follow=True).content.decode()
    assert unlock not in admin_client.get(page).content.decode()
    assert sign_in("operator").status_code == 302


def test_nobody_unlocks_who_may_do_more(locked, user, django_user_model):
    page, unlock = locked
    warden = django_user_model.objects.create_user("warden", is_staff=True)
    warden.user_permissions.set(Permission.objects.filter(codename__in=("view_user", "change_user")))
    client = Client()
    client.force_login(warden)
    assert client.post(unlock).status_code == 302
    user.is_superuser = True
    user.save()
    assert client.post(unlock).status_code == 403
    assert unlock not in client.get(page).content.decode()
    warden.user_permissions.set(Permission.objects.filter(codename="view_user"))
    assert client.post(unlock).status_code == 403
    assert client.post(reverse("admin:auth_user_act", args=[user.pk, "nonsense"])).status_code == 404
    assert client.post(reverse("admin:auth_user_act", args=[999, "unlock"])).status_code == 404


def test_whoever_runs_commands_unlocks(sign_in, clock, capsys):
    for _ in range(10):
        sign_in("wrong")
    assert sign_in("operator", address=ELSEWHERE).status_code == 429
    call_command("axes_reset_username", "operator")
    assert sign_in("operator", address=ELSEWHERE).status_code == 302


def test_right_ones_are_not_counted(sign_in, clock):
    for _ in range(12):
        assert sign_in("operator").status_code == 302


@pytest.mark.parametrize(
    ("proxy", "forwarded", "found"),
    [
        (False, ELSEWHERE, HERE),
        (True, f"10.0.0.1, {ELSEWHERE}", ELSEWHERE),
        (True, "10.0.0.1, nonsense", None),
        (True, None, None),
    ],
)
def test_the_address_is_the_one_that_nobody_can_make_up(settings, proxy, forwarded, found):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if proxy else None
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", REMOTE_ADDR=HERE, headers=headers)
    assert callers.address(request) == found


@pytest.mark.parametrize(
    ("asker", "forwarded", "found"),
    [
        ("10.0.0.2", "203.0.113.5, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
        ("10.0.0.2", "10.0.0.1", None),
        ("10.0.0.2", "192.0.2.1, nonsense, 10.0.0.1", None),
        ("10.0.0.2", None, None),
        ("198.51.100.1", "192.0.2.1", "198.51.100.1"),
        ("", "192.0.2.1", "192.0.2.1"),  # a socket on this machine
        ("::ffff:10.0.0.2", "::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_behind_several_proxies_it_is_the_one_before_them(settings, asker, forwarded, found):
    settings.TRACSYNC_TRUSTED_PROXIES = ["10.0.0.0/8"]
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", REMOTE_ADDR=asker, headers=headers)
    assert callers.address(request) == found


def test_proxies_are_addresses_and_networks(monkeypatch):
    monkeypatch.setenv("PROXIES", "10.0.0.5, 10.1.0.0/16,::1")
    assert Environment().networks("PROXIES") == ["10.0.0.5/32", "10.1.0.0/16", "::1/128"]
    monkeypatch.setenv("PROXIES", "10.0.0.5/8")
    with pytest.raises(ImproperlyConfigured, match="PROXIES is no list of addresses"):
        Environment().networks("PROXIES")


def test_an_address_of_ipv6_counts_with_its_network(sign_in, clock):
    for number in range(10):
        sign_in("wrong", name=f"somebody{number}", address=f"2001:db8:1:1::{number}")
    assert sign_in("operator", address="2001:db8:1:1:ffff::1").status_code == 429
    assert sign_in("operator", address="2001:db8:1:2::1").status_code == 302


def test_an_address_that_nobody_knows_is_nobodys(settings, sign_in, clock):
    """Else whoever leaves it out, or writes nonsense into it, would lock out everybody."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for number in range(12):
        sign_in("wrong", name=f"somebody{number}", **{"x-forwarded-for": "nonsense"})
    assert sign_in("operator", **{"x-forwarded-for": "nonsense"}).status_code == 302
    assert sign_in("operator", **{"x-forwarded-for": HERE}).status_code == 302


def test_what_is_forged_before_the_end_changes_nothing(settings, sign_in, clock):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for number in range(10):
        forged = {"x-forwarded-for": f"{HERE}, 192.0.2.{number}, 192.0.2.99"}
        sign_in("wrong", name=f"somebody{number}", **forged)
    assert sign_in("operator", **{"x-forwarded-for": "198.51.100.7, 192.0.2.99"}).status_code == 429
    assert sign_in("operator", **{"x-forwarded-for": HERE}).status_code == 302, "who was named is not locked"


@pytest.fixture
def browsers(user):
    """Two in which the same person is signed in."""
    clients = Client(), Client()
    for one in clients:
        one.force_login(user)
        assert is_signed_in(one)
    return clients


def is_signed_in(client):
    return client.get(reverse("admin:index")).status_code == 200


def test_ones_own_new_password_ends_all_other_sessions(browsers):
    here, elsewhere = browsers
    new = "a-long-enough-password-7f3a"
    changed = {"old_password": "operator", "new_password1": new, "new_password2": new}
    assert here.post(reverse("admin:password_change"), changed).status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_a_password_that_somebody_else_sets_ends_all(browsers, admin_client, user):
    new = "a-long-enough-password-7f3a"
    page = reverse("admin:auth_user_password_change", args=[user.pk])
    admin_client.post(page, {"password1": new, "password2": new, "usable_password": "true"})
    assert not any(map(is_signed_in, browsers))


@pytest.mark.parametrize("field", ["is_active", "is_staff"])
def test_who_may_not_sign_in_any_more_is_out_at_once(browsers, user, field):
    User.objects.filter(pk=user.pk).update(**{field: False})
    assert not any(map(is_signed_in, browsers))


def test_what_somebody_may_do_counts_at_once(browsers, user):
    page = reverse("admin:destinations_destination_changelist")
    permission = Permission.objects.get(codename="view_destination")
    for change, status in ((user.user_permissions.add, 200), (user.user_permissions.remove, 403)):
        change(permission)
        assert [one.get(page).status_code for one in browsers] == [status, status]
