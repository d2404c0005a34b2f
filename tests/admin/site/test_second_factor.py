"""The second factor: set up, asked for whatever way somebody comes, off and reset; codes are right once."""

import base64
import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.contrib.auth.models import Permission, User
from django.core import checks
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test import Client
from django.urls import reverse

from tracsync.models import BackupCode, SecondFactor, TrailEntry
from tracsync.sign_in import second_factor

HOME, LOGIN = reverse("admin:index"), reverse("admin:login")
PAGE, CODE, SET_UP = (reverse(f"admin:second_factor{one}") for one in ("", "_code", "_set_up"))
PASSWORD = "a-long-enough-password-7f3a"
BACKUP = r"(?m)^(?:.*>)?((?:[a-z2-7]{4}-){3}[a-z2-7]{4})$"


@pytest.fixture
def clock():
    with time_machine.travel("2026-01-01", tick=False) as clock:
        yield clock


class Phone:
    """What an app does with the key that it is shown."""

    def __init__(self, seed):
        self.totp = TOTP(base64.b32decode(seed), 6, SHA1(), 30)

    def code(self, later=0):
        return self.totp.generate(int(time.time()) + later).decode()


@pytest.fixture
def person(django_user_model):
    return django_user_model.objects.create_user("jana", password=PASSWORD, is_staff=True)


@pytest.fixture
def phone(person, clock):
    """A second factor that was set up some time ago."""
    seed = second_factor.new_seed()
    phone = Phone(seed)
    assert second_factor.set_up(person, seed, phone.code())
    clock.shift(timedelta(minutes=5))
    return phone


@pytest.fixture
def codes(phone, person):
    return second_factor.new_backup_codes(person.second_factor)


def sign_in(client=None, name="jana", next=HOME, **extra):
    client = client or Client()
    client.post(f"{LOGIN}?next={next}", {"username": name, "password": PASSWORD}, **extra)
    return client


def is_in(client):
    return client.get(HOME).status_code == 200


def type_code(client, code, **data):
    return client.post(CODE, {"code": code, **data})


def test_somebody_sets_it_up(person, clock):
    client = sign_in()
    assert client.get(PAGE).url == SET_UP
    shown = client.get(SET_UP).content.decode()
    assert '<svg viewBox="0 0 ' in shown, "else a narrow window cuts it off"
    seed = re.search(r"<code>([A-Z2-7 ]+)</code>", shown)[1].replace(" ", "")
    assert f"secret={seed}" in shown
    assert seed in client.get(SET_UP).content.decode().replace(" ", ""), "a page that is loaded again"
    code = Phone(seed).code()
    for wrong in (
        {"code": "000000", "password": PASSWORD},
        {"code": code, "password": "wrong"},
        {"code": code},
    ):
        assert client.post(SET_UP, wrong).status_code == 200
        assert not SecondFactor.objects.exists()
    made = client.post(SET_UP, {"code": f"{code[:3]} {code[3:]}", "password": PASSWORD}).content.decode()
    codes = re.findall(BACKUP, made)
    assert len(codes) == 10
    assert is_in(client), "whoever has set it up has typed a code"
    assert codes[0] not in client.get(PAGE).content.decode()
    assert "10 backup codes are left" in client.get(PAGE).content.decode()
    clock.shift(timedelta(minutes=1))
    other = sign_in()
    assert not is_in(other)
    type_code(other, Phone(seed).code())
    assert is_in(other)


def test_nothing_of_it_can_be_read_in_the_database(person, clock, phone, codes):
    seed = SecondFactor.objects.get().seed
    with connection.cursor() as cursor:
        for model in (SecondFactor, BackupCode):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            stored = str(cursor.fetchall()).lower()
            assert seed.lower() not in stored
            assert codes[0] not in stored
            assert codes[0].replace("-", "") not in stored


def test_nor_in_the_session_in_which_it_is_set_up(person, clock):
    client = sign_in()
    shown = client.get(SET_UP).content.decode()
    seed = re.search(r"<code>([A-Z2-7 ]+)</code>", shown)[1].replace(" ", "")
    assert seed not in str(dict(client.session))


def test_the_password_alone_lets_nobody_in(phone, client):
    profiles = reverse("admin:profiles_profile_changelist")
    sign_in(client, next=profiles)
    for page in (HOME, PAGE, reverse("admin:password_change"), reverse("admin:preferences")):
        assert client.get(page, follow=True).redirect_chain[-1][0].startswith(CODE)
    assert client.get(reverse("admin:session")).json()["signed_in"] is False
    assert client.get("/api/v1/schema/", REMOTE_ADDR="192.0.2.1").status_code in (401, 403)
    assert client.get(SET_UP).status_code == 302
    assert client.post(SET_UP, {"code": "123456"}).status_code == 302
    led = client.get(profiles, follow=True).redirect_chain[-1][0]
    assert led == f"{CODE}?next=%2Fadmin%2Fprofiles%2Fprofile%2F"
    assert type_code(client, phone.code(), next=profiles).url == profiles
    assert client.get(PAGE).status_code == 200


def test_a_code_that_is_wrong_old_or_used(phone, clock):
    client = sign_in()
    for code in ("000000", phone.code(-90), phone.code(90), "12345", "x" * 40, "", "٤٤٤٤٤٤"):
        assert type_code(client, code).status_code == 200
        assert not is_in(client)
    clock.shift(timedelta(minutes=30))
    code = phone.code()
    type_code(client, code)
    assert is_in(client)
    other = sign_in()
    assert "used before" in type_code(other, code).content.decode()
    assert "used before" in type_code(other, phone.code(-30)).content.decode(), "nor one that came before it"
    type_code(other, phone.code(30))
    assert is_in(other), "a phone whose clock is a little ahead"


def test_codes_have_to_wait_and_backup_codes_do_not(phone, codes, clock):
    client = sign_in()
    for _ in range(5):
        type_code(client, "000000")
    assert "have to wait" in type_code(client, phone.code()).content.decode()
    clock.shift(timedelta(seconds=61))
    type_code(client, "000000")
    clock.shift(timedelta(seconds=61))
    assert "have to wait" in type_code(client, phone.code()).content.decode(), "twice as long"
    type_code(client, codes[0])
    assert is_in(client)
    other = sign_in()
    type_code(other, phone.code())
    assert is_in(other), "whoever has the codes ends the wait"


def test_they_wait_for_a_day_at_most(phone, person, clock):
    for _ in range(40):
        second_factor.check(person, "000000")
        clock.shift(timedelta(days=1, seconds=1))
    assert second_factor.check(person, phone.code()) is second_factor.Answer.RIGHT


def test_wrong_codes_count_as_wrong_passwords_do(settings, phone, codes, client):
    settings.AXES_ENABLED = True
    sign_in(client, REMOTE_ADDR="192.0.2.1")
    for _ in range(9):
        assert client.post(CODE, {"code": "nonsense"}, REMOTE_ADDR="192.0.2.1").status_code == 200
    assert client.post(CODE, {"code": "nonsense"}, REMOTE_ADDR="192.0.2.1").status_code == 429
    refused = client.post(CODE, {"code": codes[0]}, REMOTE_ADDR="192.0.2.1")
    assert (refused.status_code, is_in(client)) == (429, False)
    assert BackupCode.objects.count() == 10
    assert client.post(LOGIN, {"username": "x", "password": "y"}, REMOTE_ADDR="192.0.2.1").status_code == 429


def test_backup_codes_work_where_the_key_is_lost(phone, codes, settings):
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    client = sign_in()
    assert "a key is missing" in type_code(client, phone.code()).content.decode()
    type_code(client, codes[0])
    assert is_in(client)
    assert client.get(PAGE).status_code == 200


def test_a_backup_code_lets_in_once(codes):
    client, other = sign_in(), sign_in()
    type_code(client, codes[0].upper())
    assert is_in(client)
    assert type_code(other, codes[0]).status_code == 200
    assert not is_in(other)
    type_code(other, codes[1].replace("-", " "))
    assert is_in(other)


def test_whoever_runs_out_of_backup_codes_is_told(codes, person):
    client = sign_in()
    for one in person.second_factor.backup_codes.all()[:8]:
        one.delete()
    left = {BackupCode.digest_of(code.replace("-", "")): code for code in codes}
    code = left[person.second_factor.backup_codes.first().digest]
    shown = client.post(CODE, {"code": code}, follow=True).content.decode()
    assert "1 backup code is left." in shown


def test_sessions_that_began_before_it_was_set_up(person, clock):
    old = sign_in()
    assert is_in(old)
    seed = second_factor.new_seed()
    second_factor.set_up(person, seed, Phone(seed).code())
    assert not is_in(old)
    clock.shift(timedelta(minutes=1))
    type_code(old, Phone(seed).code())
    assert is_in(old)


def test_a_code_of_a_factor_that_was_reset_counts_no_more(person, phone, clock):
    client = sign_in()
    type_code(client, phone.code())
    second_factor.remove(person)
    assert is_in(client)
    seed = second_factor.new_seed()
    second_factor.set_up(person, seed, Phone(seed).code())
    assert not is_in(client)


def test_a_link_to_set_a_password_goes_not_around_it(person, phone, admin_client, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    chosen = {"action": "make_link", "_selected_action": person.pk}
    shown = admin_client.post(reverse("admin:auth_user_changelist"), chosen).content.decode()
    link = re.search(r"http://testserver(/admin/join/[^\s<]+)", shown)[1]
    client, new = Client(), PASSWORD[::-1]
    client.post(client.get(link).url, {"new_password1": new, "new_password2": new})
    assert not is_in(client)
    client.post(LOGIN, {"username": "jana", "password": new})
    assert not is_in(client)
    type_code(client, phone.code())
    assert is_in(client)


def test_new_backup_codes_and_turning_it_off_take_password_and_code(person, phone, codes, clock):
    client = sign_in()
    type_code(client, phone.code())
    for button in ("new_codes", "off"):
        clock.shift(timedelta(minutes=10))
        wrong = ({"code": phone.code(), "password": "wrong"}, {"code": "000000", "password": PASSWORD}, {})
        for given in wrong:
            assert client.post(PAGE, {button: "1", **given}).status_code == 200
        assert {*BackupCode.objects.values_list("digest", flat=True)} == {
            BackupCode.digest_of(code.replace("-", "")) for code in codes
        }
    clock.shift(timedelta(minutes=10))
    made = client.post(PAGE, {"new_codes": "1", "code": phone.code(), "password": PASSWORD}).content.decode()
    new = re.findall(BACKUP, made)
    assert len(new) == BackupCode.objects.count() == 10
    assert not {*codes} & {*new}
    done = client.post(PAGE, {"off": "1", "code": new[0], "password": PASSWORD}, follow=True)
    assert "The second factor is off." in done.content.decode()
    assert not SecondFactor.objects.exists()
    assert is_in(sign_in())
    noted = TrailEntry.objects.filter(object_id=str(person.pk), action="done").values_list("said", flat=True)
    assert {"Made new backup codes.", "Turned the second factor off."} <= {*noted}


def test_whoever_manages_people_resets_it(person, phone, admin_client, admin_user):
    page = reverse("admin:auth_user_change", args=[person.pk])
    reset = reverse("admin:auth_user_act", args=[person.pk, "reset-second-factor"])
    assert reset in admin_client.get(page).content.decode()
    assert admin_client.get(reset).status_code == 405
    assert "no second factor any more" in admin_client.post(reset, follow=True).content.decode()
    assert not SecondFactor.objects.exists()
    assert is_in(sign_in())
    own = reverse("admin:auth_user_act", args=[admin_user.pk, "reset-second-factor"])
    assert admin_client.post(own).status_code == 403, "one's own takes a code"


def test_nobody_resets_that_of_who_may_do_more(person, phone, django_user_model):
    warden = django_user_model.objects.create_user("warden", is_staff=True)
    warden.user_permissions.set(Permission.objects.filter(codename__in=("view_user", "change_user")))
    person.user_permissions.set(Permission.objects.filter(codename="change_resource"))
    client = Client()
    client.force_login(warden)
    reset = reverse("admin:auth_user_act", args=[person.pk, "reset-second-factor"])
    assert client.post(reset).status_code == 403
    assert reset not in client.get(reverse("admin:auth_user_change", args=[person.pk])).content.decode()
    assert SecondFactor.objects.exists()


def test_a_command_resets_it(person, phone):
    out = StringIO()
    call_command("reset_second_factor", "jana", stdout=out)
    assert "no second factor any more" in out.getvalue()
    for name in ("jana", "nobody"):
        with pytest.raises(CommandError, match=name):
            call_command("reset_second_factor", name)


@pytest.mark.parametrize(
    ("wanted", "is_superuser", "has_to"),
    [
        ("optional", True, False),
        ("superusers", False, False),
        ("superusers", True, True),
        ("everybody", False, True),
    ],
)
def test_who_has_to_is_led_to_set_it_up(settings, person, clock, wanted, is_superuser, has_to):
    settings.TRACSYNC_SECOND_FACTOR = wanted
    User.objects.filter(pk=person.pk).update(is_superuser=is_superuser)
    client = sign_in()
    assert is_in(client) is not has_to
    if not has_to:
        return
    page = client.get(HOME, follow=True)
    assert page.redirect_chain[-1][0].startswith(SET_UP)
    shown = page.content.decode()
    assert "asks you for a second factor" in shown
    assert type_code(client, "123456").status_code == 302
    seed = re.search(r"<code>([A-Z2-7 ]+)</code>", shown)[1].replace(" ", "")
    made = client.post(SET_UP, {"code": Phone(seed).code(), "next": HOME})
    assert made.status_code == 200
    assert is_in(client)
    clock.shift(timedelta(minutes=1))
    off = {"off": "1", "code": Phone(seed).code(), "password": PASSWORD}
    assert client.post(PAGE, off, follow=True).redirect_chain[-1][0].startswith(SET_UP)
    assert not is_in(client), "and another is set up at once"


def test_whoever_is_half_in_can_leave(phone, client):
    sign_in(client)
    assert client.post(CODE, {"leave": "1"}).url == LOGIN
    assert client.get(CODE, follow=True).redirect_chain[-1][0].startswith(LOGIN)
    type_code(client, phone.code())
    assert not is_in(client)


@pytest.mark.parametrize(
    "wanted", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", CODE]
)
def test_it_leads_nowhere_else(phone, client, wanted):
    sign_in(client)
    assert type_code(client, phone.code(), next=wanted).url == HOME


def test_a_session_gets_a_new_key(phone, client):
    sign_in(client)
    before = client.session.session_key
    type_code(client, phone.code())
    assert client.session.session_key != before


def test_who_is_not_signed_in_is_led_to_do_so(client, db):
    for page in (CODE, SET_UP, PAGE):
        assert client.get(page, follow=True).redirect_chain[-1][0].startswith(LOGIN)


def test_forms_are_guarded_against_other_sites(phone):
    client = sign_in(Client(enforce_csrf_checks=False))
    client.handler.enforce_csrf_checks = True
    assert type_code(client, phone.code()).status_code == 403


def test_without_the_extra_nothing_is_shown_but_codes_are_asked_for(person, phone, admin_client, monkeypatch):
    monkeypatch.setattr(second_factor, "find_spec", lambda name: None)
    assert PAGE not in admin_client.get(HOME).content.decode()
    assert admin_client.get(SET_UP).status_code == 403
    client = sign_in()
    assert not is_in(client)
    type_code(client, phone.code())
    assert is_in(client)


def test_a_project_that_lacks_the_middleware_is_told(settings):
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if "SecondFactor" not in one]
    assert [one.id for one in checks.run_checks(tags=["security"]) if "second factor" in one.msg]
    with pytest.raises(SystemCheckError, match="nobody is asked for a second factor"):
        call_command("check")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("everybody", "needs the extra “second-factor”"),
        ("nobody", "is none of optional, superusers, everybody"),
    ],
)
def test_a_setting_that_cannot_be_is_said(tmp_path, value, said):
    """By every command: settings are read by all of them."""
    code = (
        "import sys, importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'segno' else find(name, *rest)\n"
        "from django.core.management import execute_from_command_line as run; run(['manage.py', 'check'])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tracsync.settings"}
    environment |= {"TRACSYNC_DATA_DIR": str(tmp_path), "TRACSYNC_SECOND_FACTOR": value}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert said in done.stderr
