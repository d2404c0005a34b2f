"""What is weak is said in a sentence with its cure; what is sound is not mentioned."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.harness import Installation
from tracsync.models import ApiToken, SecondFactor
from tracsync.security import rotation, weaknesses

SOUND = "an6-Rw2pQe_81kLzm4vTx7Yb0sHd9GfUcJ3o"


def told(found):
    """Sentences; each has a cure."""
    assert all(message.hint and message.id for message in found)
    return {message.id.removeprefix("tracsync."): message.msg for message in found}


@pytest.mark.parametrize(
    ("key", "id"),
    [(SOUND, None), ("CHANGE-ME", "E006"), ("k3y", "W010"), ("ab" * 40, "W010")],
)
def test_a_secret_key_that_is_known_or_guessed(settings, key, id):
    settings.SECRET_KEY = key
    assert [*told(weaknesses.check_secret_key())] == ([id] if id else [])
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = SOUND, [key]
    found = told(weaknesses.check_secret_key())
    assert [*found] == ([id] if id else [])
    assert key not in str(found.values())


def test_files_that_everybody_can_read(settings, tmp_path):
    private, shared, gone = (tmp_path / name for name in ("private", "shared files", "gone"))
    for path, mode in ((private, 0o440), (shared, 0o444)):
        path.write_text("x")
        path.chmod(mode)
    settings.TRACSYNC_SETTING_FILES = {"A_FILE": private, "B_FILE": shared, "C_FILE": gone}
    [message] = weaknesses.check_setting_files()
    assert message.msg.endswith(f"{shared}, which B_FILE names (its mode is 444)")
    assert f"chmod o-rwx '{shared}'" in message.hint


def test_debug_and_what_goes_over_the_network(settings, monkeypatch):
    def database(**values):
        for name, value in values.items():
            monkeypatch.setitem(settings.DATABASES["default"], name, value)

    settings.DEBUG = False
    settings.HTTPS, settings.ALLOWED_HOSTS, settings.REDIS_URL = False, ["localhost", "127.0.0.1"], ""
    database(HOST="", PASSWORD="")
    assert weaknesses.check_debug() == weaknesses.check_connections() == []
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["localhost", "*"]
    settings.REDIS_URL = "redis://broker.lan:6379/0"
    database(HOST="db.lan", PASSWORD="")
    assert [*told(weaknesses.check_debug())] == ["W012"]
    assert [*told(weaknesses.check_connections())] == ["W013", "W014", "W015", "W016"]
    settings.HTTPS, settings.ALLOWED_HOSTS = True, ["tracsync.example.org"]
    settings.REDIS_URL = "redis://:password@broker.lan:6379/0"
    database(PASSWORD="x")
    assert weaknesses.check_connections() == []


@pytest.mark.parametrize("name", ["DEFAULT_PERMISSION_CLASSES", "DEFAULT_FILTER_BACKENDS"])
def test_settings_that_ask_for_no_scopes(settings, name):
    assert weaknesses.check_scopes() == []
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        name: ["rest_framework.permissions.IsAuthenticated"],
    }
    [said] = weaknesses.check_scopes()
    assert (said.id, name in said.msg) == ("tracsync.E008", True)


@pytest.mark.django_db
def test_tokens_and_passwords():
    person = get_user_model().objects.create_superuser("ana", password="kL8-long-and-own")
    token, _text = ApiToken.generate("sound", owner=person, expires_at=timezone.now() + timedelta(1))
    token.save()
    assert weaknesses.check_tokens() == weaknesses.check_passwords() == []
    for number in range(7):
        token, _text = ApiToken.generate(f"crm {number}")
        token.text_hash = ""
        token.save()
    ApiToken.generate("ended", expires_at=timezone.now())[0].save()
    found = told(weaknesses.check_tokens())
    assert [*found] == ["W017", "W018", "I002"]
    assert all("crm 0, crm 1, crm 2, crm 3, crm 4 and 2 more" in text for text in found.values())
    person.set_password("ana")
    person.save()
    get_user_model().objects.create_user("viewer", password="admin")
    assert told(weaknesses.check_passwords()) == {
        "W019": "superusers with a password that is tried first: ana"
    }


@pytest.mark.django_db
def test_superusers_without_a_second_factor(settings):
    User = get_user_model()
    for name in ("ada", "cleo", "gone", "by issuer", "has one"):
        User.objects.create_superuser(name, password=None if name == "by issuer" else SOUND)
    User.objects.filter(username="gone").update(is_active=False)
    User.objects.create_user("staff", password=SOUND, is_staff=True)
    SecondFactor.objects.create(user=User.objects.get(username="has one"), seed="s", mark="m")
    alone = "superusers whose password alone lets in, without a second factor: ada, cleo"
    assert told(weaknesses.check_second_factors()) == {"W021": alone}
    for asked in ("superusers", "everybody"):
        settings.TRACSYNC_SECOND_FACTOR = asked
        assert weaknesses.check_second_factors() == []


@pytest.mark.django_db
def test_older_keys_are_looked_for_where_they_are_used(settings, resource):
    assert weaknesses.check_encryption_keys() == []
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.TRACSYNC_ENCRYPTION_KEYS]
    assert [*told(weaknesses.check_encryption_keys())] == ["I003"]
    left = told(weaknesses.check_encryption_keys(databases=["default"]))
    assert "such as in destinations.Resource" in left["W020"]
    list(rotation.rotate())
    assert "nothing is left" in told(weaknesses.check_encryption_keys(databases=["default"]))["I003"]


def test_check_says_it_in_an_installation_without_tables_too(tmp_path):
    installation = Installation(tmp_path, SECRET_KEY="short", TRACSYNC_ALLOWED_HOSTS="crm.example.org")
    (tmp_path / "tracsync.sqlite3").unlink()
    said = installation.manage("check", "--deploy", "--database", "default").stderr
    assert "SECRET_KEY is short" in said
    assert "answers to crm.example.org without HTTPS" in said
