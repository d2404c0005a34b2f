"""What an empty list says: what it is for, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tracsync.admin import documentation

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Lesson:
    """`step` is what to do next: the name of a page of the admin, and what its link says."""

    purpose: Text
    topic: str = ""
    step: str = ""
    invitation: Text = ""

    @property
    def step_url(self) -> str:
        return reverse(f"admin:{self.step}") if self.step else ""

    @property
    def help_url(self) -> str:
        return documentation.url(self.topic) if self.topic else ""


LESSONS = {
    "destinations.destination": Lesson(
        _("A destination says what is sent to a resource: which profiles, made into what, and when."),
        "admin#your-first-destination",
        "destinations_destination_add",
        _("Add the first destination"),
    ),
    "destinations.resource": Lesson(
        _("A resource is an external system and how to sign in there. Destinations send to resources."),
        "connectors",
        "destinations_resource_add",
        _("Add the first resource"),
    ),
    "destinations.extension": Lesson(
        _("Extensions are the kinds of systems that tracsync can send to. None is found on this machine."),
        "connectors#adding-a-connector",
    ),
    "tracsync.trailentry": Lesson(
        _(
            "Here stands who did what: to what is set up, to access, to profiles by hand and to deliveries."
            " The entries come by themselves."
        ),
        "trail",
    ),
    "destinations.profilesync": Lesson(
        _(
            "Here stands what each destination knows of each profile and what waits for it. The entries come"
            " by themselves when profiles change, and by a backfill."
        ),
        "concepts#states-of-a-profile-sync",
        "destinations_destination_changelist",
        _("Go to the destinations"),
    ),
    "destinations.deliveryattempt": Lesson(
        _("Here stands each try to send a profile to a destination, and what came of it."),
        "admin#the-delivery-log",
        "destinations_destination_changelist",
        _("Go to the destinations"),
    ),
    "destinations.backfill": Lesson(
        _("A backfill brings profiles that do not change up to date at a destination. It begins there."),
        "operations#backfills",
        "destinations_destination_changelist",
        _("Choose a destination"),
    ),
    "destinations.audit": Lesson(
        _(
            "An audit compares what a system holds with what the mapping makes now. It begins on the page"
            " of a destination."
        ),
        "operations#audits",
        "destinations_destination_changelist",
        _("Choose a destination"),
    ),
    "destinations.replay": Lesson(
        _(
            "A replay sends many profiles again that were chosen in a list. It begins in the delivery log or"
            " the profile syncs: filter, select all, and choose Replay."
        ),
        "admin#recover-a-failed-day",
        "destinations_deliveryattempt_changelist",
        _("Go to the delivery log"),
    ),
    "profiles.importjob": Lesson(
        _("An import brings profiles in from a file. It is read first without changing anything."),
        "admin#importing-a-file",
        "profiles_importjob_add",
        _("Import the first file"),
    ),
    "profiles.indexjob": Lesson(
        _("Names and e-mail addresses of all profiles are indexed here when it is set where they are."),
        "configuration#names-and-e-mail-addresses",
    ),
    "profiles.profile": Lesson(
        _("Profiles are the customers that are kept in step. They come by an import, by the API or by hand."),
        "import",
        "profiles_profile_add",
        _("Add a profile by hand"),
    ),
    "tracsync.apitoken": Lesson(
        _("A token lets a program use the REST API. It is shown once, when it is made."),
        "api#a-token",
        "tracsync_apitoken_add",
        _("Make the first token"),
    ),
    "tracsync.erasure": Lesson(
        _("Here stand the receipts of people who were erased, here and at the destinations."),
        "privacy#erasing-a-person",
        "tracsync_erasure_add",
        _("Erase somebody"),
    ),
    "tracsync.incident": Lesson(
        _("Here stands what was told: destinations that were held, tokens that ended, and the like."),
        "notices#incidents",
        "tracsync_noticechannel_changelist",
        _("Go to the notice channels"),
    ),
    "tracsync.noticechannel": Lesson(
        _("A notice channel says where notices go, and of what: e-mail, a webhook, Slack or Teams."),
        "notices#channels",
        "tracsync_noticechannel_add",
        _("Add the first channel"),
    ),
    "tracsync.noticelimits": Lesson(
        _("Limits say from when on the rejections and delays of a destination are told, if not as usual."),
        "notices#what-is-told",
        "tracsync_noticelimits_add",
        _("Set the first limits"),
    ),
    "auth.group": Lesson(
        _("A role gives those who have it the same permissions."),
        "admin#who-may-do-what",
        "auth_group_add",
        _("Add the first role"),
    ),
}
NOTHING = Lesson(_("There is nothing here yet."))


def lesson(changelist: Any, may_add: bool) -> Lesson:
    """Of a list without rows; without a step that this person may not take."""
    found = LESSONS.get(changelist.opts.label_lower, NOTHING)
    if found.step.endswith("_add") and not may_add:
        return Lesson(found.purpose, found.topic)
    return found
