"""Several writers at once: what must hold on every database, with a database of its own to try it on."""

import random
import threading
from contextlib import contextmanager

from django.db import connections
from django.db.models.signals import post_save

from profiles.changes import Change, profiles_changed, write
from profiles.models import Profile, ProfileConflict
from profiles.search.models import SearchWord

ALIAS = "writers"
WRITERS = 6


@contextmanager
def database(config, monkeypatch):
    """A database beside the configured ones, with the table of profiles and nobody listening."""
    monkeypatch.setattr(post_save, "receivers", [])
    monkeypatch.setattr(profiles_changed, "receivers", [])
    monkeypatch.setitem(
        connections.settings, ALIAS, connections.configure_settings({"default": {}, ALIAS: config})[ALIAS]
    )
    try:
        with connections[ALIAS].schema_editor() as editor:
            editor.create_model(Profile)
            editor.create_model(SearchWord)
        yield
    finally:
        connections[ALIAS].close()
        del connections[ALIAS]


def at_once(act):
    """Run `act(number)` in several threads that begin together; raise what any of them raises."""
    barrier, errors = threading.Barrier(WRITERS), []

    def run(number):
        try:
            barrier.wait(10)
            act(number)
        except Exception as error:
            errors.append(error)
        finally:
            connections[ALIAS].close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "blocked"
    if errors:
        raise errors[0]


def profiles():
    return Profile.objects.using(ALIAS)


def merges_lose_nothing():
    ids = [f"p{n}" for n in range(20)]

    def act(number):
        own = random.Random(number)
        for step in range(5):
            own.shuffle(ids_of_mine := list(ids))
            write([Change(id, "set", {f"writer {number}": step}) for id in ids_of_mine], using=ALIAS)

    at_once(act)
    for profile in profiles():
        assert profile.document == {"id": profile.pk, **{f"writer {n}": 4 for n in range(WRITERS)}}
        assert profile.version == WRITERS * 5
    assert profiles().count() == len(ids)


def each_profile_is_created_once():
    ids = [f"p{n:03}" for n in range(100)]
    created = []

    def act(number):
        mine = ids[number * 10 :] if number % 2 else list(reversed(ids[: 100 - number * 10]))
        answers = write([Change(id, "put", {"id": id, "by": number}) for id in mine], using=ALIAS)
        created.extend(answer.id for answer in answers if answer.created)

    at_once(act)
    assert sorted(created) == ids
    assert profiles().count() == len(ids)


def a_retried_save_loses_nothing():
    Profile(document={"id": "a", "n": 0}).save(using=ALIAS)

    def add_one():
        profile = profiles().get()
        profile.document["n"] += 1
        profile.save(using=ALIAS)

    def act(number):
        done = 0
        while done < 5:
            try:
                add_one()
                done += 1
            except ProfileConflict:
                continue

    at_once(act)
    profile = profiles().get()
    assert profile.document["n"] == WRITERS * 5
    assert profile.version == WRITERS * 5 + 1


def saves_and_batches_meet():
    write([Change("a", "put", {"id": "a", "saved": 0})], using=ALIAS)

    def save():
        while True:
            profile = profiles().get()
            profile.document["saved"] += 1
            try:
                return profile.save(using=ALIAS)
            except ProfileConflict:
                continue

    def act(number):
        for step in range(5):
            if number % 2:
                save()
            else:
                write([Change("a", "patch", {f"writer {number}": step})], using=ALIAS)

    at_once(act)
    merged = {f"writer {n}": 4 for n in range(0, WRITERS, 2)}
    assert profiles().get().document == {"id": "a", "saved": WRITERS // 2 * 5, **merged}


CHECKS = [
    merges_lose_nothing,
    each_profile_is_created_once,
    a_retried_save_loses_nothing,
    saves_and_batches_meet,
]
