"""Authorising a resource: to the service, where a person agrees, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.object_actions import ActingAdmin, Button
from destinations.admin.resources.form import SETS, TITLES
from destinations.connectors.base import ConnectorError, Token
from destinations.models import Resource
from destinations.operations import authorise
from destinations.sync.tokens import state as token_state
from destinations.sync.tokens.state import State, TokenState
from tracsync.common import times
from tracsync.common.translation import translated

BACK = "authorised"  # the name of the address that services send people back to
UNDER_WAY = "tracsync_authorising"  # in the session: what this browser was sent away with
MOST_UNDER_WAY = 5
TEST = "test"

STATES = {
    State.GIVEN: gettext_lazy("authorised"),
    State.MISSING: gettext_lazy("not authorised yet"),
    State.ENDED: gettext_lazy("has to be authorised again"),
}
OTHER_STATES = {  # of tokens that are asked for without a person
    State.GIVEN: gettext_lazy("there is an access token"),
    State.ENDED: gettext_lazy("can no longer be renewed"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A set of credentials and its token, in words: facts by name, and what a person has to do."""

    title: str
    facts: list[tuple[str, str]]
    problem: str
    since: str
    asks: bool


def shown(resource: Resource) -> list[Shown]:
    found = [(name, token_state.read(resource, name == TEST)) for name in SETS]
    return [_shown(name, known) for name, known in found if known.state != State.NOT_NEEDED]


def _shown(name: str, known: TokenState) -> Shown:
    words = STATES if known.asks else OTHER_STATES
    facts = [(_("State"), str(words[known.state]))]
    if known.since:
        facts += [(_("Authorised"), times.shown(known.since)), (_("Authorised by"), known.by)]
    if known.expires_at:
        label = _("Access token is renewed") if known.renews else _("Access token ends")
        facts.append((label, times.shown(known.expires_at)))
    if known.scope:
        facts.append((_("For"), known.scope))
    since = times.shown(known.ended_at) if known.ended_at else ""
    return Shown(str(TITLES[name]), facts, translated(known.reason), since, known.asks)


def buttons(model_admin: ActingAdmin, resource: Resource) -> Iterator[Button]:
    for name in SETS:
        known = token_state.read(resource, name == TEST)
        if known.asks:
            again = known.state != State.MISSING
            label = _("Authorise again") if again else _("Authorise")
            if name == TEST:
                label = _("%(label)s with test credentials") % {"label": label}
            note = _("Leads to the service, where you agree to it.")
            yield Button(label, model_admin.url("authorise", resource), note, (("set", name),))


def redirect_uri(request: HttpRequest, model_admin: ActingAdmin) -> str:
    return request.build_absolute_uri(reverse(f"admin:{model_admin.url_name(BACK)}"))


def leave(request: HttpRequest, model_admin: ActingAdmin, resource: Resource) -> HttpResponse | None:
    """The page from which one goes on to the service.

    A form cannot lead there: the Content-Security-Policy lets forms go to this site only.
    """
    use_test = request.POST.get("set") == TEST
    back = redirect_uri(request, model_admin)
    try:
        started = authorise.begin(resource, use_test, request.user, back)
    except ConnectorError as error:
        model_admin.say(request, _sentence(str(error)), warning=True)
        return None
    under_way = [*request.session.get(UNDER_WAY, ()), started.keep]
    request.session[UNDER_WAY] = under_way[-MOST_UNDER_WAY:]
    title = _("Authorise %(name)s") % {"name": resource.name}
    minutes = authorise.LIFE.seconds // 60
    return model_admin.page(
        request,
        "resources/authorise.html",
        title,
        resource,
        **{"host": started.host, "url": started.url, "redirect_uri": back, "minutes": minutes},
    )


def come_back(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Where the service sends the person back to, with a code or with why not.

    Whatever came of it is said on the resource's page, so that the code does not stay in the address.
    """
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    return model_admin.if_readable(request, _come_back, model_admin)


def _come_back(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    answer = {name: str(value).replace("\0", "") for name, value in request.GET.items()}
    try:
        under_way = _taken(request, answer.get("state", ""))
        if not model_admin.has_change_permission(request, under_way.resource):
            raise PermissionDenied
        token = authorise.finish(under_way, answer, request.user.get_username())
    except authorise.NotAuthorised as error:
        model_admin.say(request, translated(str(error)), warning=True)
        return _page_of(model_admin, error.resource)
    _say(request, model_admin, under_way.resource, token)
    return _page_of(model_admin, under_way.resource)


def _taken(request: HttpRequest, state: str) -> Any:
    """The state has to be one that this browser was sent away with. Raises NotAuthorised."""
    if authorise.hash_of(state) not in request.session.get(UNDER_WAY, ()):
        raise authorise.NotAuthorised(authorise.UNKNOWN)
    return authorise.take(state, request.user)


def _say(request: HttpRequest, model_admin: ActingAdmin, resource: Resource, token: Token) -> None:
    model_admin.say(request, _("%(name)s is authorised. What waits is sent now.") % {"name": resource.name})
    if not token.refresh:
        text = _(
            "The service gave no refresh token: it has to be authorised again when the access token ends."
            " Some give one only if the scope or the authorise parameters ask for it, such as offline_access"
            " or access_type=offline."
        )
        model_admin.say(request, text, warning=True)


def _page_of(model_admin: ActingAdmin, resource: Resource | None) -> HttpResponse:
    if resource is None:
        return redirect(f"admin:{model_admin.url_name('changelist')}")
    return redirect(model_admin.url("change", resource))


def _sentence(reason: str) -> str:
    return _("It cannot be authorised: %(reason)s.") % {"reason": translated(reason)}
