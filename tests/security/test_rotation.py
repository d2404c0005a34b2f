"""Keys are changed while everything runs: nothing is lost, and nothing is forgotten under the old one."""

import json
import re
import stat
import threading

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test.utils import isolate_apps
from django.utils import timezone

from destinations.models import (
    AccessToken,
    Arrival,
    AuthorisationRequest,
    DeliveryAttempt,
    ProfileSync,
    Resource,
)
from tracsync import keys
from tracsync.common import encryption
from tracsync.common.encryption import EncryptedJSONField
from tracsync.models import ApiToken, KeptAnswer, NoticeChannel, SecondFactor
from tracsync.security import rotation

VALUE = {"planted": "ünder a key"}
CIPHERTEXT = re.compile(r"gAAAAA[\w-]{20,}={0,2}")  # what every Fernet token begins with


def planted(resource, destination, profile):
    """A value in every encrypted column."""
    now = timezone.now()
    Resource.objects.filter(pk=resource.pk).update(production=VALUE, test=VALUE)
    type(destination).objects.filter(pk=destination.pk).update(settings=VALUE)
    of_sync = {"remote_details": VALUE, "unanswered": [VALUE], "awaited": VALUE}
    ProfileSync.objects.create(profile=profile, destination=destination, **of_sync)
    DeliveryAttempt.objects.create(
        **{"profile_id": profile.pk, "destination": destination, "idempotency_key": "k", "version": 1},
        **{"at": now, "duration_ms": 1, "outcome": "accepted", "request": VALUE, "response": VALUE},
    )
    AccessToken.objects.create(resource=resource, use_test=False, value=VALUE)
    AuthorisationRequest.objects.create(
        state="s", user="1", resource=resource, use_test=False, secrets=VALUE, expires_at=now
    )
    Arrival.objects.create(user="1", at=now, content=VALUE)
    token, _text = ApiToken.generate("planted")
    token.save()
    KeptAnswer.objects.create(token=token, key="a", fingerprint="f", begun_at=now, answer=VALUE)
    NoticeChannel.objects.create(name="ops", kind="webhook", secrets=VALUE)
    SecondFactor.objects.create(user=get_user_model().objects.create_user("ana"), seed=VALUE, mark="m")


@pytest.fixture
def everything(resource, make_destination, make_profile, frozen):
    planted(resource, make_destination(), make_profile())


def stored():
    """All that is encrypted in any column of any table, whether a model says so or not."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    for text in CIPHERTEXT.findall(str(value)):
                        yield f"{table}.{name}", text


@pytest.fixture
def renew(settings):
    def renew():
        new = Fernet.generate_key().decode()
        settings.TRACSYNC_ENCRYPTION_KEYS = [new, *settings.TRACSYNC_ENCRYPTION_KEYS]
        return new

    return renew


def columns():
    return {
        f"{place.model._meta.db_table}.{place.model._meta.get_field(name).column}"
        for place in rotation.places()
        for name in place.names
    }


@pytest.mark.django_db
def test_every_encrypted_column_is_planted_and_found(everything):
    assert {place for place, _text in stored()} == columns()


def test_an_encrypted_field_of_a_new_model_is_found_without_a_list(monkeypatch):
    with isolate_apps("tracsync"):

        class New(models.Model):
            hidden = EncryptedJSONField()

            class Meta:
                app_label = "tracsync"

        known = apps.get_models()
        monkeypatch.setattr(rotation.apps, "get_models", lambda **_: [*known, New])
        assert "tracsync.New (hidden)" in map(str, rotation.places())


@pytest.mark.django_db
def test_all_of_it_is_written_again_and_says_the_same(everything, renew, settings, capsys):
    renew()
    with pytest.raises(CommandError, match=r"an older key; run .*manage.py rotate_keys\.$") as told:
        call_command("rotate_keys", "--check")
    assert told.value.args[0].startswith(f"{len(list(stored()))} values")
    call_command("rotate_keys")
    said = capsys.readouterr().out
    assert "destinations.Resource (production, test): 1 rows written again" in said
    assert "The older keys (1) can be dropped" in said
    settings.TRACSYNC_ENCRYPTION_KEYS = settings.TRACSYNC_ENCRYPTION_KEYS[:1]
    texts = [encryption.decrypt(text) for _place, text in stored()]
    assert len(texts) > 10
    assert all(text in (VALUE, [VALUE]) for text in texts)
    assert Resource.objects.get().production == VALUE
    call_command("rotate_keys", "--check")


@pytest.mark.django_db
def test_killed_anywhere_it_goes_on(everything, renew, monkeypatch):
    renew()
    whole = len(list(stored()))
    rewrite = rotation._rewrite
    left = whole
    for _again in range(50):
        done = []

        def dies(place, ids, done=done):
            if done:
                raise KeyboardInterrupt
            done.append(rewrite(place, ids))
            return done[0]

        monkeypatch.setattr(rotation, "_rewrite", dies)
        try:
            list(rotation.rotate())
            break
        except KeyboardInterrupt:
            now = rotation.look().total("left")
            assert now < left
            left = now
    assert rotation.look().total("left") == 0
    assert rotation.look().total("lost") == 0
    assert left < whole


@pytest.mark.django_db
def test_more_rows_than_a_batch_and_a_process_that_still_writes_with_the_old_key(
    everything, renew, settings, monkeypatch
):
    monkeypatch.setattr(rotation, "AT_ONCE", 7)
    for number in range(30):
        Arrival.objects.create(user=str(number), at=timezone.now(), content=number)
    renew()
    look = rotation.look

    def written_meanwhile():
        settings.TRACSYNC_ENCRYPTION_KEYS = settings.TRACSYNC_ENCRYPTION_KEYS[::-1]
        Arrival.objects.create(user="old", at=timezone.now(), content="x")
        settings.TRACSYNC_ENCRYPTION_KEYS = settings.TRACSYNC_ENCRYPTION_KEYS[::-1]
        return look()

    monkeypatch.setattr(rotation, "look", written_meanwhile)
    with pytest.raises(CommandError, match=r"1 values are left.*restart every process"):
        call_command("rotate_keys")
    monkeypatch.setattr(rotation, "look", look)
    call_command("rotate_keys")
    assert (
        sorted(map(str, Arrival.objects.values_list("content", flat=True)))[-1]
        == "{'planted': 'ünder a key'}"
    )


@pytest.mark.django_db(transaction=True)
def test_edits_of_others_meanwhile_are_kept(everything, renew, monkeypatch):
    """Each row is changed between being looked at and being written."""
    renew()
    rewrite, edited = rotation._rewrite, []

    def edit():
        Resource.objects.filter().update(production={"edited": True})
        connection.close()

    def edits_first(place, ids):
        if place.model is Resource and not edited:
            other = threading.Thread(target=edit)
            other.start()
            other.join()
            edited.append(ids)
        return rewrite(place, ids)

    monkeypatch.setattr(rotation, "_rewrite", edits_first)
    list(rotation.rotate())
    assert edited
    resource = Resource.objects.get()
    assert (resource.production, resource.test) == ({"edited": True}, VALUE)
    assert rotation.look().total("left") == 0


@pytest.mark.django_db
def test_what_no_key_opens_is_told_and_holds_nothing_up(everything, renew, settings, capsys):
    settings.TRACSYNC_ENCRYPTION_KEYS = []
    renew()
    whole = len(list(stored()))
    call_command("rotate_keys")
    assert "values are opened by none of the keys" in capsys.readouterr().out
    assert rotation.look().total("lost") == whole


@pytest.mark.django_db
def test_the_data_folders_keys_are_made_and_dropped_by_the_command(everything, settings, tmp_path, capsys):
    settings.DATA_DIR = tmp_path
    with pytest.raises(CommandError, match="The keys are set by TRACSYNC_ENCRYPTION_KEYS"):
        call_command("rotate_keys", "--new-key")
    file = tmp_path / "encryption_key"
    [old] = settings.TRACSYNC_ENCRYPTION_KEYS
    file.write_text(f"{old}\n")
    call_command("rotate_keys", "--new-key")
    assert "restart every process" in capsys.readouterr().out
    new, kept = keys.encryption_keys(tmp_path)
    assert (kept, new != old, stat.S_IMODE(file.stat().st_mode)) == (old, True, 0o600)
    with pytest.raises(CommandError, match="has changed since this began"):
        call_command("rotate_keys", "--drop-old")  # begun before the restart
    settings.TRACSYNC_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_keys", "--drop-old")
    assert keys.encryption_keys(tmp_path) == [new]
    settings.TRACSYNC_ENCRYPTION_KEYS = [new]
    assert json.dumps([encryption.decrypt(text) for _place, text in stored()])
