"""All that the engine and the connectors of this package may record; see profiles/recorded.py."""

from django.utils.translation import gettext_noop as _

HISTORY = (
    # What was done in the admin, as its history keeps it.
    _("the command line"),
    _("Paused."),
    _("Resumed."),
    _("Cancelled."),
    _("Enabled."),
    _("Disabled."),
    _("Backfill of %(number)s profiles requested."),
    _("Test sent."),
    _("Sent profile %(name)s from the preview."),
    _("Uploaded."),
    _("Import started."),
)
