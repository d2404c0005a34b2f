"""The words that profiles are found by, and how far indexing all of them anew is."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from profiles import names
from profiles.models import Profile
from tracsync.common.jobs import Job
from tracsync.common.numbers import grouped


class Bytewise(models.CharField):
    """Text in the order of its code points, whatever the database's language, so that an index finds what
    begins with something, and gives it in its order."""

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        collation = "C" if connection.vendor == "postgresql" else None
        return {**super().db_parameters(connection), "collation": collation}


class SearchWord(models.Model):
    """A word of a profile's name, its e-mail address, or the address's domain: see profiles/names.py.

    Written by profiles/sql.py, in the transaction that writes the profile's name and e-mail, while the
    profile is locked; deleted in the one that deletes the profile.
    """

    word = Bytewise(max_length=names.MOST_WORD)
    profile = models.ForeignKey(
        Profile, models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        verbose_name = gettext_lazy("word of a profile")
        verbose_name_plural = gettext_lazy("words of profiles")
        default_permissions = ()
        indexes = (
            models.Index(fields=("word", "profile"), name="profiles_by_word"),
            models.Index(fields=("profile",), name="words_of_profile"),
        )

    def __str__(self) -> str:
        return f"a word of {self.profile_id}"


class IndexJob(Job):
    """All profiles are indexed by the paths of an installation, in the order of their ids."""

    fingerprint = models.CharField(max_length=32, editable=False)  # of those paths
    after = models.CharField(max_length=255, blank=True, editable=False)  # where to go on

    class Meta(Job.Meta):
        verbose_name = gettext_lazy("indexing")
        verbose_name_plural = gettext_lazy("indexing")
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(
                fields=("fingerprint",), condition=models.Q(finished_at=None), name="one_indexing_at_once"
            ),
        )

    def __str__(self) -> str:
        return str(_("Indexing names and e-mail addresses"))

    @property
    def amount(self) -> str:
        said = {"done": grouped(self.done), "total": grouped(self.total)}
        return _("%(done)s of %(total)s profiles indexed") % said
