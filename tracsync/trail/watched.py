"""People, roles, tokens and notices: what an entry tells of them."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.auth.models import Group, User

from tracsync.common.trail import Action, Hidden, Watched, watch
from tracsync.common.trail.differences import Changes
from tracsync.common.trail.watching import CREATED, DELETED, fields_of
from tracsync.models import ApiToken, Identity, NoticeChannel, NoticeLimits, SecondFactor

NOTED_OF_TOKENS = (
    *("created_at", "last_used_at", "rotated_at", "is_confirmed"),
    *("previous_prefix", "previous_digest", "previous_text_hash", "previous_ends_at"),
)
NOTED_OF_CHANNELS = ("sent_at", "problem", "problem_at", "created_at")  # by what sends


def connect() -> None:
    of_people = partial(fields_of, without=("last_login", "date_joined"), hidden=("password",))
    roles = {"groups": Action.ROLES, "user_permissions": Action.ROLES}
    watch(User, Watched(of_people, _of_person, roles))
    watch(Group, Watched(fields_of, many={"permissions": Action.ROLES}))
    of_tokens = partial(fields_of, without=NOTED_OF_TOKENS, hidden=("digest", "text_hash"))
    watch(ApiToken, Watched(of_tokens, _of_token))
    of_channels = partial(fields_of, without=NOTED_OF_CHANNELS)
    watch(NoticeChannel, Watched(of_channels, many={"destinations": Action.CHANGED}))
    watch(NoticeLimits, Watched(fields_of))
    watch(SecondFactor, Watched(lambda factor: {"mark": Hidden(factor.mark)}))
    watch(Identity, Watched(partial(fields_of, without=("linked_at",), hidden=("subject",))))


def _of_person(user: Any, done: str, changes: Changes) -> str:
    """A hash that is only made anew while somebody signs in is no other password."""
    if set(changes) != {"password"} or done in (CREATED, DELETED):
        return done
    return Action.PASSWORD if user._password is not None else ""


def _of_token(_token: Any, done: str, changes: Changes) -> str:
    of_life = {CREATED: Action.TOKEN_MADE, DELETED: Action.TOKEN_REVOKED}
    return of_life.get(done, Action.TOKEN_ROTATED if "digest" in changes else done)
