"""Access tokens that all workers share."""

import threading
import time

import pytest
from django.db import connection, connections

from destinations import configuration
from destinations.connectors.base import Token, Unreachable
from destinations.models import AccessToken
from destinations.sync.sessions import StoredTokens, TrialTokens


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
    assert AccessToken.objects.get().value == "T-3"
    resource.production = {"token": "other"}
    configuration.save(resource)
    assert store.refresh_token() == ""
