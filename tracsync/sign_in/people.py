"""Which person here somebody is of whom an issuer speaks, and which roles its groups give."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tracsync.models import Identity
from tracsync.sign_in.oidc import Claims

logger = logging.getLogger(__name__)


class NotHere(Exception):
    """Somebody whom the issuer knows does not come in; a sentence for them."""


def find(claims: Claims) -> User:
    """Whom the issuer's subject is linked to, or links it: by a verified address, once. Raises NotHere."""
    issuer, subject = settings.TRACSYNC_OIDC_ISSUER, str(claims["sub"])
    with transaction.atomic():
        known = Identity.objects.filter(issuer=issuer, subject=subject).select_related("user").first()
        person = known.user if known is not None else _by_address(claims, issuer)
        if person is None:
            person = _make(claims)
        if not (person.is_active and person.is_staff):
            raise NotHere(_("You may not sign in here."))
        if known is None:
            Identity.objects.create(user=person, issuer=issuer, subject=subject)
    return person


def _by_address(claims: Claims, issuer: str) -> User | None:
    email = _verified_address(claims)
    found = list(User.objects.filter(Q(email__iexact=email) | Q(username__iexact=email))[:2])
    if len(found) > 1:
        raise NotHere(_("Several people here have your e-mail address."))
    if found and found[0].identities.filter(issuer=issuer).exists():
        raise NotHere(_("Somebody else has signed in with your e-mail address before."))
    return found[0] if found else None


def _verified_address(claims: Claims) -> str:
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        raise NotHere(_("Your e-mail address was not told."))
    if claims.get("email_verified") not in (True, "true"):
        raise NotHere(_("Your e-mail address is not verified there."))
    return email.lower()


def _make(claims: Claims) -> User:
    """Only where the installation wants it, and of whom a group has a role."""
    if not settings.TRACSYNC_OIDC_CREATE or not _roles(claims):
        raise NotHere(_("Nobody here has your e-mail address."))
    email = _verified_address(claims)
    if len(email) > 150:
        raise NotHere(_("Your e-mail address is too long."))
    person = User(username=email, email=email, is_staff=True)
    person.first_name = str(claims.get("given_name") or "")[:150]
    person.last_name = str(claims.get("family_name") or "")[:150]
    person.set_unusable_password()
    person.save()
    return person


def give_roles(person: User, claims: Claims) -> tuple[list[str], list[str]]:
    """Those that were given and taken: of the roles that groups stand for, as the groups are now."""
    managed = set(settings.TRACSYNC_OIDC_ROLES.values())
    wanted = _roles(claims)
    has = {group.name: group for group in person.groups.filter(name__in=managed)}
    given = list(Group.objects.filter(name__in=wanted - has.keys()))
    taken = [group for name, group in has.items() if name not in wanted]
    person.groups.add(*given)
    person.groups.remove(*taken)
    return sorted(group.name for group in given), sorted(group.name for group in taken)


def _roles(claims: Claims) -> set[str]:
    """What the groups in the claims stand for, of the roles that there are; without groups nothing."""
    said = _claim(claims, settings.TRACSYNC_OIDC_GROUPS_CLAIM)
    groups = said if isinstance(said, list) else [said]
    names = {
        settings.TRACSYNC_OIDC_ROLES[one] for one in map(str, groups) if one in settings.TRACSYNC_OIDC_ROLES
    }
    there = set(Group.objects.filter(name__in=names).values_list("name", flat=True))
    for name in sorted(names - there):
        logger.warning("TRACSYNC_OIDC_ROLES names the role %r, and there is none", name)
    return there


def _claim(claims: Claims, path: str) -> Any:
    """By its name, which may have dots in it, or by a path such as realm_access.roles."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found
