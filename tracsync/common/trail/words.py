"""What is done, by what, and by which way: the words of the trail."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Face(models.TextChoices):
    """By which way something was done."""

    ADMIN = "admin", _("Admin")
    API = "api", _("API")
    COMMAND = "command", _("Command line")


class Kind(models.TextChoices):
    """What an actor is."""

    PERSON = "person", _("person")
    TOKEN = "token", _("API token")
    SHELL = "shell", _("user of the machine")
    NOBODY = "nobody", _("nobody signed in")


class Action(models.TextChoices):
    CREATED = "created", _("created")
    CHANGED = "changed", _("changed")
    DELETED = "deleted", _("deleted")
    APPLIED = "applied", _("applied configuration")
    INSTALLED = "installed", _("installed")
    UNINSTALLED = "uninstalled", _("uninstalled")
    ENABLED = "enabled", _("switched on")
    DISABLED = "disabled", _("switched off")
    PAUSED = "paused", _("paused")
    RESUMED = "resumed", _("resumed")
    CANCELLED = "cancelled", _("cancelled")
    BACKFILLED = "backfilled", _("asked for a backfill")
    REPLAYED = "replayed", _("had sent again")
    SENT = "sent", _("had sent now")
    AUDITED = "audited", _("asked for an audit")
    TESTED = "tested", _("tested")
    AUTHORISED = "authorised", _("authorised")
    UPLOADED = "uploaded", _("uploaded")
    IMPORTED = "imported", _("imported")
    EXPORTED = "exported", _("exported")
    ERASED = "erased", _("erased a person")
    FINISHED = "finished", _("finished by hand")
    ACKNOWLEDGED = "acknowledged", _("acknowledged")
    MUTED = "muted", _("muted")
    SIGNED_IN = "signed_in", _("signed in")
    SIGNED_OUT = "signed_out", _("signed out")
    REFUSED = "refused", _("was refused to sign in")
    PASSWORD = "password", _("set the password")
    INVITED = "invited", _("made a link to sign in")
    ROLES = "roles", _("changed roles or permissions")
    TOKEN_MADE = "token_made", _("made the token")
    TOKEN_ROTATED = "token_rotated", _("rotated the token")
    TOKEN_REVOKED = "token_revoked", _("revoked the token")
    DONE = "done", _("did what the note says")
    MAINTAINED = "maintained", _("maintained the installation")


GONE = (Action.DELETED, Action.TOKEN_REVOKED)  # of what there is no page any more
