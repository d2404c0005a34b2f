"""One profile at one destination: what it would be sent now, beside what was last accepted."""

from __future__ import annotations

from django.utils.translation import gettext as _

from destinations import comparison, preview
from destinations.comparison import Comparison
from destinations.encryption import UndecryptableValue, get_readable
from destinations.models import Destination
from destinations.preview import Preview
from profiles.models import Profile


def judged(destination: Destination, profile: Profile) -> tuple[Preview, Comparison | None]:
    """A preview of any destination, also of one whose credentials no key opens: it says so."""
    try:
        shown = preview.preview(destination, profile.document)
    except UndecryptableValue as error:
        shown = Preview(None, None, "", None, None, [str(error)], [], [])
    return shown, comparison.compared(destination, profile, shown)


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
