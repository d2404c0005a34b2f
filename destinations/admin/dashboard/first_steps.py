"""What to do on an empty installation, one step after the other, until something was pushed."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from destinations.admin.base.links import Link
from destinations.admin.base.object_actions import Button
from destinations.models import Destination, Extension, Health, Resource
from destinations.scheduler import loop
from profiles.models import Profile
from tracsync.common.installation import command


@dataclass(slots=True)
class Step:
    """`url` is "" for those who may not do it; `more` and `button` are other ways.

    `next`: the first that is not done.
    """

    title: str
    help: str
    done: bool
    url: str = ""
    command: str = ""
    more: tuple[Link, ...] = ()
    button: Button | None = None
    next: bool = False


def steps(request: HttpRequest) -> list[Step]:
    """None once a destination has accepted something."""
    if Health.objects.filter(last_accepted_at__isnull=False).exists():
        return []
    worker = Step(
        _("Start a worker"),
        _("It sends. Without one, changes are recorded and wait."),
        loop.is_alive(),
        command=command("worker"),
    )
    push = Step(
        _("See the first push arrive"),
        _(
            "A profile is sent when its changes have ended, after the quiet period. Profiles that were there"
            " before the destination are sent by a backfill, which the destination's page offers."
        ),
        False,
        _page(request, "destinations.view_destination", "destinations_destination_changelist"),
    )
    found = [_profiles(request), *_of_destinations(request), worker, push]
    first = next((step for step in found if not step.done), None)
    for step in found:
        step.next = step is first
    return found


def _of_destinations(request: HttpRequest) -> list[Step]:
    return [
        Step(
            _("Install an extension"),
            _("It is the kind of system that you want to send to, such as HTTP API."),
            Extension.objects.filter(installed_at__isnull=False).exists(),
            _page(request, "destinations.change_extension", "destinations_extension_changelist"),
        ),
        Step(
            _("Add a resource"),
            _("It is the system itself, and how to sign in there. “Test connection” tells whether it works."),
            Resource.objects.exists(),
            _page(request, "destinations.add_resource", "destinations_resource_add"),
        ),
        Step(
            _("Add a destination"),
            _("It says what is sent to the resource, for whom and when. Its live preview shows it."),
            Destination.objects.exists(),
            _page(request, "destinations.add_destination", "destinations_destination_add"),
        ),
    ]


def _profiles(request: HttpRequest) -> Step:
    may_import = request.user.has_perm("profiles.change_profile")  # it replaces profiles, too
    file = _page(request, "profiles.add_profile", "profiles_importjob_add") if may_import else ""
    single = _page(request, "profiles.add_profile", "profiles_profile_add")
    samples = Button(_("Add sample profiles"), reverse("admin:profiles_profile_samples"))
    return Step(
        _("Bring profiles in"),
        _(
            "Import a file, add a single one, or send them to the REST API."
            " To look around, take twenty invented ones."
        ),
        Profile.objects.exists(),
        file or single,
        more=(Link(_("Add a single profile"), single),) if file else (),
        button=samples if file else None,
    )


def _page(request: HttpRequest, permission: str, name: str) -> str:
    return reverse(f"admin:{name}") if request.user.has_perm(permission) else ""
