"""Access tokens that all workers share."""

import threading
import time
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import OperationalError, connection, connections
from django.utils import timezone

from destinations import configuration
from destinations.connectors.base import ConfigurationError, SignInAgain, Token, Unreachable
from destinations.models import AccessToken, Resource
from destinations.sync import database
from destinations.sync.tokens.store import StoredTokens, TrialTokens


def in_an_hour():
    return time.time() + 3600


@pytest.mark.django_db
def test_a_token_is_fetched_once_and_then_shared(resource):
    fetched = []

    def fetch():
        fetched.append(1)
        return Token(f"token-{len(fetched)}", in_an_hour())

    first = StoredTokens(resource, use_test=False)
    assert first.get() is None
    token = first.renew(None, fetch)
    other = StoredTokens(resource, use_test=False)
    assert other.get().value == token.value == "token-1"
    assert other.renew(token, fetch).value == "token-2"
    assert first.renew(token, fetch).value == "token-2"  # somebody else has renewed it
    assert len(fetched) == 2


@pytest.mark.django_db
def test_test_and_production_have_their_own(resource):
    StoredTokens(resource, use_test=True).renew(None, lambda: Token("for tests", in_an_hour()))
    assert StoredTokens(resource, use_test=False).get() is None


@pytest.mark.django_db
def test_an_expired_token_is_none(resource):
    tokens = StoredTokens(resource, use_test=False)
    tokens.renew(None, lambda: Token("old", time.time() - 1))
    assert tokens.get() is None


@pytest.mark.django_db
def test_a_failed_renewal_leaves_the_turn_to_the_next(resource):
    tokens = StoredTokens(resource, use_test=False)

    def fail():
        raise Unreachable("the token address does not answer")

    with pytest.raises(Unreachable):
        tokens.renew(None, fail)
    assert tokens.renew(None, lambda: Token("new", in_an_hour())).value == "new"


@pytest.mark.django_db
def test_new_credentials_end_the_token_of_the_old_ones(resource):
    StoredTokens(resource, use_test=False).renew(None, lambda: Token("old", in_an_hour()))
    resource.production = {"token": "another"}
    configuration.save(resource)
    assert StoredTokens(resource, use_test=False).get() is None


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_fetches(resource):
    if connection.vendor == "sqlite":
        pytest.skip("threads share the in-memory database's one connection; runs on PostgreSQL in CI")
    fetched, got = [], []

    def fetch():
        fetched.append(1)
        return Token("shared", in_an_hour())

    def renew():
        try:
            got.append(StoredTokens(resource, use_test=False).renew(None, fetch).value)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=renew) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (got, len(fetched)) == (["shared"] * 8, 1)
    assert AccessToken.objects.count() == 1


@pytest.mark.django_db
def test_a_trial_asks_anew_and_keeps_what_counts_only_once(resource):
    shared = StoredTokens(resource, use_test=False)
    TrialTokens(shared).renew(None, lambda: Token("T-0", in_an_hour()))
    assert shared.get() is None  # nothing to be kept
    asked = []

    def fetch():
        asked.append(shared.refresh_token())
        return Token(f"T-{len(asked)}", int(in_an_hour()), f"r-{len(asked)}")

    for _ in range(2):
        trial = TrialTokens(shared)
        assert trial.get() is None
        assert trial.renew(None, fetch) == trial.get() == shared.get()
    assert asked == ["", "r-1"]
    assert shared.refresh_token() == "r-2"


@pytest.mark.django_db
def test_a_refresh_token_outlives_its_access_token_and_ends_with_the_credentials(resource):
    first = Token("T-1", time.time() - 1, "r-1")
    store = StoredTokens(resource, use_test=False)
    store.renew(None, lambda: first)
    assert store.get() is None
    assert StoredTokens(resource, use_test=False).refresh_token() == "r-1"
    assert StoredTokens(resource, use_test=True).refresh_token() == ""
    second = store.renew(None, lambda: Token("T-2", time.time() + 60, store.refresh_token() + "-next"))
    assert store.get().refresh == second.refresh == "r-1-next"
    store.renew(second, lambda: Token("T-3", time.time() + 60))
    assert AccessToken.objects.get().value["value"] == "T-3"
    resource.production = {"token": "other"}
    configuration.save(resource)
    assert store.refresh_token() == ""


def kept(resource):
    """As another process sees it."""
    return StoredTokens(Resource.objects.get(pk=resource.pk), use_test=False)


@pytest.mark.django_db
def test_scope_and_extras_are_kept_also_where_a_renewal_leaves_them_out(resource):
    store = kept(resource)
    given = Token("T-1", in_an_hour(), "r-1", "read write", {"instance_url": "https://eu1.example"})
    first = store.renew(None, lambda: given)
    renewed = store.renew(first, lambda: Token("T-2", in_an_hour(), "r-2"))
    assert (renewed.value, renewed.scope, renewed.extras) == ("T-2", given.scope, given.extras)
    assert (kept(resource).get().refresh, kept(resource).get().extras) == ("r-2", given.extras)


@pytest.mark.django_db
def test_an_answer_that_cannot_be_stored_for_a_moment_is_tried_again(resource, monkeypatch):
    fails, asked = [1, 1], []
    original = StoredTokens._store

    def store(self, *args):
        if fails:
            fails.pop()
            raise OperationalError("database is locked")
        return original(self, *args)

    monkeypatch.setattr(database, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(database, "close_old_connections", lambda: None)
    monkeypatch.setattr(StoredTokens, "_store", store)
    kept(resource).renew(None, lambda: asked.append(1) or Token("T-1", in_an_hour(), "r-1"))
    assert (kept(resource).refresh_token(), asked) == ("r-1", [1])


@pytest.mark.django_db
def test_who_comes_too_late_with_an_answer_overwrites_nothing(resource):
    """Its lease ended, and another one has renewed meanwhile."""

    def slow():
        AccessToken.objects.update(renewing_until=timezone.now() - timedelta(seconds=1))
        kept(resource).renew(None, lambda: Token("T-newer", in_an_hour(), "r-newer"))
        return Token("T-late", in_an_hour(), "r-late")

    kept(resource).renew(None, slow)
    assert (kept(resource).get().value, kept(resource).refresh_token()) == ("T-newer", "r-newer")


@pytest.mark.django_db
def test_what_a_person_was_given_outlives_a_renewal_that_is_under_way(resource):
    def meanwhile():
        kept(resource).put(Token("T-person", in_an_hour(), "r-person"), by="ann")
        return Token("T-late", in_an_hour(), "r-late")

    kept(resource).renew(None, meanwhile)
    assert (kept(resource).get().value, kept(resource).refresh_token()) == ("T-person", "r-person")
    assert AccessToken.objects.get().renewing_until is None


@pytest.mark.django_db
def test_a_token_for_credentials_that_were_changed_meanwhile_is_not_kept(resource):
    store = StoredTokens(resource, use_test=False)

    def meanwhile():
        changed = Resource.objects.get(pk=resource.pk)
        changed.production = {"token": "another"}
        configuration.save(changed)
        return Token("T-old", in_an_hour(), "r-old")

    store.renew(None, meanwhile)
    assert (kept(resource).get(), kept(resource).refresh_token()) == (None, "")


@pytest.mark.django_db
def test_sessions_of_other_credentials_do_not_get_each_others_tokens(resource):
    old = StoredTokens(Resource.objects.get(pk=resource.pk), use_test=False)
    resource.production = {"token": "another"}
    resource.save()  # as in a shell: nobody deletes what was kept
    kept(resource).renew(None, lambda: Token("T-new", in_an_hour(), "r-new"))
    assert (old.get(), old.refresh_token()) == (None, "")
    assert kept(resource).get().value == "T-new"


@pytest.mark.django_db
def test_a_token_that_no_key_opens_is_asked_for_again(resource, settings):
    kept(resource).renew(None, lambda: Token("T-1", in_an_hour(), "r-1"))
    sealed = AccessToken.objects.values_list("pk", flat=True).get()
    store = kept(resource)
    store._basis  # noqa: B018 - of credentials that can be read
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert (store.get(), store.refresh_token()) == (None, "")
    assert AccessToken.objects.filter(pk=sealed).defer("value").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("first", "is_doubtful"),
    [
        (Unreachable("no answer", sent=True), True),
        (Unreachable("no connection"), False),
        (ConfigurationError("invalid_client"), False),
    ],
)
def test_who_has_to_sign_in_again_is_told_of_a_renewal_that_was_cut_off(resource, first, is_doubtful):
    def fails_with(error):
        def fetch():
            raise error

        return fetch

    kept(resource).renew(None, lambda: Token("T-1", time.time() - 1, "r-1"))
    with pytest.raises(type(first)):
        kept(resource).renew(None, fails_with(first))
    with pytest.raises(SignInAgain) as raised:
        kept(resource).renew(None, fails_with(SignInAgain("sign in again")))
    assert ("was cut off" in str(raised.value)) is is_doubtful
    row = AccessToken.objects.get()
    assert row.problem == str(raised.value)
    assert row.renewing_until is None
    kept(resource).renew(None, lambda: Token("T-2", in_an_hour(), "r-2"))
    row.refresh_from_db()
    assert (row.problem, row.problem_at, row.asked_at) == ("", None, None)


@pytest.mark.django_db
def test_tokens_of_the_release_before_are_read(resource):
    rows = AccessToken.objects
    rows.create(
        resource=resource, use_test=False, value="T-1", expires_at=timezone.now() + timedelta(hours=1)
    )
    assert kept(resource).get() == Token("T-1", rows.get().expires_at.timestamp())
    rows.update(value={"value": "T-2", "refresh": "r-2"})
    assert (kept(resource).get().value, kept(resource).refresh_token()) == ("T-2", "r-2")
