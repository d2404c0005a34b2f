"""SECRET_KEY is changed: who is signed in stays so while the old key is a fallback, and tokens always."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.test import Client
from django_q.conf import Conf
from django_q.signing import SignedPackage

from tests.api.conftest import api
from tracsync import keys
from tracsync.models import ApiToken

__all__ = ["api"]
pytestmark = pytest.mark.django_db
PROFILES = "/api/v1/profiles/"


@pytest.fixture
def rotate(settings, monkeypatch):
    """Like a restart with a new key, with the old one as a fallback or not."""

    def rotate(is_kept):
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY] if is_kept else []
        settings.SECRET_KEY = keys.new_secret_key()
        monkeypatch.setattr(Conf, "SECRET_KEY", settings.SECRET_KEY)  # read when it is imported

    return rotate


@pytest.mark.parametrize("is_kept", [True, False])
def test_sessions_and_links_last_as_long_as_the_fallback(rotate, client, is_kept):
    person = get_user_model().objects.create_superuser("ana", password="x")
    client.force_login(person)
    link, task = (
        default_token_generator.make_token(person),
        SignedPackage.dumps({"func": "destinations.sync.push.push"}),
    )
    rotate(is_kept)
    assert client.get("/admin/").status_code == (200 if is_kept else 302)
    assert default_token_generator.check_token(person, link) is is_kept
    with pytest.raises(signing.BadSignature):  # a wake-up: what waits is claimed again when its lease ends
        SignedPackage.loads(task)


def test_tokens_outlive_it_without_a_fallback(rotate, api):
    assert api.get(PROFILES).status_code == 200
    rotate(is_kept=False)
    assert api.get(PROFILES).status_code == 200


def test_tokens_of_earlier_releases_outlive_it_once_they_are_used(rotate):
    token, text = ApiToken.generate("old")
    token.text_hash = ""  # as they were made
    token.save()
    old = Client(headers={"Authorization": f"Bearer {text}"})
    rotate(is_kept=True)
    assert old.get(PROFILES).status_code == 200
    rotate(is_kept=False)
    assert old.get(PROFILES).status_code == 200
    ApiToken.objects.update(text_hash="")
    assert old.get(PROFILES).status_code == 401  # it hung on a key that is gone
    other = Client(headers={"Authorization": f"Bearer {text[:-1]}x"})
    assert other.get(PROFILES).status_code == 401


def test_the_file_in_the_data_folder_may_have_several(tmp_path):
    [first] = keys.secret_keys(tmp_path)
    keys.put_first(tmp_path / keys.SECRET, "new")
    assert keys.secret_keys(tmp_path) == ["new", first]
    assert keys.keep_first(tmp_path / keys.SECRET) == 1
    assert keys.secret_keys(tmp_path) == ["new"]
