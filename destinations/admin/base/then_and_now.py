"""One profile at one destination: what it would be sent now, beside what was last accepted."""

from __future__ import annotations

from django.utils.translation import gettext as _

from destinations.insight import payload_diff, preview
from destinations.insight.payload_diff import Comparison
from destinations.insight.preview import Preview
from destinations.models import Destination
from profiles.models import Profile
from tracsync.common.encryption import UndecryptableValue, get_readable


def judged(destination: Destination, profile: Profile) -> tuple[Preview, Comparison | None]:
    """A preview of any destination, also of one whose credentials no key opens: it says so."""
    try:
        shown = preview.preview(destination, profile.document)
    except UndecryptableValue as error:
        shown = Preview(None, None, "", None, None, [str(error)], [], [])
    return shown, payload_diff.compared(destination, profile, shown)


def whole_destination(id: int) -> Destination:
    """With all that a preview needs; its settings are empty where no key opens them.

    Raises DoesNotExist, or OverflowError for an id that no database has.
    """
    rows = Destination.objects.select_related("resource", "health")
    try:
        found: Destination = get_readable(rows, pk=id)[0]
    except UndecryptableValue:  # the resource's
        found = rows.defer("settings", "resource__production", "resource__test").get(pk=id)
    return found


def in_a_word(found: Comparison) -> str:
    """Whether now and then are the same."""
    if found.equal is None:
        return _("now and then cannot be compared")
    return _("the same now") if found.equal else _("different now")
