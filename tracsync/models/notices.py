"""What is told unasked: who wants to hear of what, what has happened, and the queue of what is to be sent."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from tracsync.common.encryption import EncryptedJSONField
from tracsync.common.online_column import CascadingForeignKey, CascadingOneToOneField
from tracsync.common.translation import MessageField, hides, seen


class Event(models.TextChoices):
    BROKEN = "broken", _("A destination is held or stopped, and when it is back")
    REJECTED = "rejected", _("A destination rejects too much")
    WAITING = "waiting", _("A change waits too long")
    STALLED = "stalled", _("Nothing runs: changes are recorded and not sent")
    EXPIRING = "expiring", _("A token or a certificate ends soon")
    ENDED = "ended", _("A job has ended, such as an import or a backfill")
    DAILY = "daily", _("The summary of each day")
    WEEKLY = "weekly", _("The summary of each week")


PROBLEMS = (Event.BROKEN, Event.REJECTED, Event.WAITING, Event.STALLED, Event.EXPIRING)
OF_DESTINATIONS = (Event.BROKEN, Event.REJECTED, Event.WAITING)
UNSAID = "unsaid:"
ONCE = (Event.ENDED, Event.DAILY, Event.WEEKLY)  # they happen, and are over


def problems() -> list[str]:
    """What a channel is told of where nobody has chosen."""
    return [event.value for event in PROBLEMS]


class NoticeChannel(models.Model):
    """Where notices go, and which. With a `user` it is that person's own, sent to the address of the account.

    `secrets`: `url` of all but e-mail, and `signing_secret` of a webhook.
    """

    class Kind(models.TextChoices):
        EMAIL = "email", _("E-mail")
        WEBHOOK = "webhook", _("Webhook")
        SLACK = "slack", "Slack"
        TEAMS = "teams", "Microsoft Teams"

    name = models.CharField(
        _("name"), max_length=200, unique=True, help_text=_("What you call it, for example: on call.")
    )
    kind = models.CharField(
        _("kind"), max_length=7, choices=Kind.choices, help_text=_("What it is; fixed from then on.")
    )
    user = CascadingOneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", editable=False
    )
    recipients = models.JSONField(default=list, blank=True)
    secrets = EncryptedJSONField(default=dict, editable=False)
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=settings.LANGUAGES,
        default=settings.LANGUAGE_CODE,
        help_text=_("Of what is sent there."),
    )
    events = models.JSONField(_("events"), default=problems)
    destinations = models.ManyToManyField(
        "destinations.Destination",
        blank=True,
        related_name="+",
        verbose_name=_("destinations"),
        help_text=_("Of which destinations it is told. None chosen: of all."),
    )
    enabled = models.BooleanField(_("enabled"), default=True, help_text=_("Off: nothing is sent there."))
    muted_until = models.DateTimeField(
        _("muted until"), null=True, blank=True, help_text=_("Until then it is told of nothing new.")
    )
    sent_at = models.DateTimeField(null=True, editable=False)
    problem = MessageField(blank=True, default="", editable=False)  # of the last try
    problem_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("notice channel")
        verbose_name_plural = _("notice channels")

    def __str__(self) -> str:
        return self.name

    @property
    def events_in_words(self) -> list[str]:
        labels = dict(Event.choices)
        return [str(labels.get(one, one)) for one in self.events]


class NoticeLimits(models.Model):
    """From when on a destination's rejections and delays are told. Blank: as for all; 0: never."""

    REJECTED_PERCENT = 10.0
    REJECTED_LEAST = 10  # so many, at least, for a percentage to mean anything
    REJECTED_MINUTES = 60
    WAITING_MINUTES = 60.0

    destination = CascadingOneToOneField(
        "destinations.Destination",
        models.CASCADE,
        related_name="+",
        verbose_name=_("destination"),
        help_text=_("The destination that they are for."),
    )
    rejected_count = models.PositiveIntegerField(
        _("rejected, count"),
        null=True,
        blank=True,
        help_text=_("Tell when more pushes than this are rejected within the span. Blank or 0: never."),
    )
    rejected_percent = models.FloatField(
        _("rejected, percent"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_(
            "Tell when more of the pushes than this are rejected within the span, and 10 at least."
            " Blank: 10 %. 0: never."
        ),
    )
    rejected_minutes = models.PositiveSmallIntegerField(
        _("span"),
        null=True,
        blank=True,
        validators=[MinValueValidator(5), MaxValueValidator(60)],
        help_text=_("Minutes that rejections are counted over, 5 to 60 in steps of five. Blank: 60."),
    )
    waiting_minutes = models.FloatField(
        _("waiting"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Tell when a change is due for more minutes than this. Blank: 60. 0: never."),
    )

    class Meta:
        verbose_name = _("limits of notices")
        verbose_name_plural = _("limits of notices")

    def __str__(self) -> str:
        return gettext("limits of %(destination)s") % {"destination": self.destination.name}


class Incident(models.Model):
    """Something that is told: what it is about (`key`), since when, and what came of it.

    `sentences` has the sentence in each language, and by UNSAID and the language as it is for whoever may not
    see what other systems say, where that is another one. At most one incident of a key is open;
    an event that only happens is closed from the start, once for its key and moment. `well_since`: since then
    it has looked well, and it is closed when it stays so.
    """

    key = models.CharField(max_length=200, editable=False)
    event = models.CharField(_("event"), max_length=10, choices=Event.choices, editable=False)
    destination = CascadingForeignKey(
        "destinations.Destination",
        models.CASCADE,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("destination"),
    )
    about = models.JSONField(default=dict, editable=False)  # names and numbers of the subject
    sentences = models.JSONField(default=dict, editable=False)
    opened_at = models.DateTimeField(_("since"), editable=False)
    well_since = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(_("until"), null=True, editable=False)
    told_at = models.DateTimeField(_("told"), null=True, editable=False)
    acknowledged_at = models.DateTimeField(null=True, editable=False)
    acknowledged_by = models.CharField(max_length=150, default="", db_default="", editable=False)
    muted_until = models.DateTimeField(_("muted until"), null=True, editable=False)
    muted_by = models.CharField(max_length=150, default="", db_default="", editable=False)

    class Meta:
        ordering = ("-opened_at", "-id")
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        constraints = (
            models.UniqueConstraint(
                fields=("key",), condition=Q(closed_at=None), name="one_open_incident_per_key"
            ),
            models.UniqueConstraint(
                fields=("key", "opened_at"),
                condition=Q(event__in=[event.value for event in ONCE]),
                name="what_happens_happens_once",
            ),
        )
        indexes = (models.Index(fields=("key", "-opened_at"), name="incident_by_key"),)

    def __str__(self) -> str:
        language = get_language() or settings.LANGUAGE_CODE
        for one in (language, "en"):
            if sentence := (hides() and self.sentences.get(UNSAID + one)) or self.sentences.get(one):
                return seen(str(sentence))
        return seen(self.key)

    def is_muted(self, now: datetime) -> bool:
        return self.muted_until is not None and self.muted_until > now


class Notice(models.Model):
    """One message that waits to be sent, or was: the queue. `next_at`: when it is to be tried, or, while it
    is being tried, when that try counts as lost; None once nothing is left to do.

    `number` is the same for every try: receivers know by it what they have already.
    """

    class Phase(models.TextChoices):
        OPENED = "opened", _("it has begun")
        CLOSED = "closed", _("it is over")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        DROPPED = "dropped", _("dropped")

    number = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    incident = CascadingForeignKey(Incident, models.CASCADE, related_name="notices")
    channel = CascadingForeignKey(NoticeChannel, models.CASCADE, related_name="notices")
    phase = models.CharField(max_length=6, choices=Phase.choices)
    content = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    problem = MessageField(blank=True, default="")  # of the last try

    class Meta:
        ordering = ("-id",)
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(
                fields=("incident", "channel", "phase"), name="one_notice_of_an_incident_per_channel"
            ),
        )
        indexes = (
            models.Index(fields=("next_at",), condition=Q(next_at__isnull=False), name="notices_to_send"),
        )

    def __str__(self) -> str:
        return str(self.content.get("subject", ""))


class NoticeWatch(models.Model):
    """Whose turn it is to look: one row for all processes that might."""

    looked_at = models.DateTimeField(null=True)
    minutely_at = models.DateTimeField(null=True)
    hourly_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("look for notices")
        verbose_name_plural = _("looks for notices")
        default_permissions = ()

    def __str__(self) -> str:
        return f"looked at {self.looked_at}"

    @classmethod
    def ensure(cls, **_: Any) -> None:
        cls.objects.get_or_create(pk=1)
