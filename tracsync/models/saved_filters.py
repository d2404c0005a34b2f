"""Filters of the admin's lists that people have named."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tracsync.common.online_column import CascadingForeignKey


class SavedFilter(models.Model):
    """One person's own. `of_list` is "app.model", `query` what stands in the address of the list."""

    MOST_QUERY = 2000

    user = CascadingForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    of_list = models.CharField(max_length=100)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=MOST_QUERY, blank=True)

    class Meta:
        ordering = ("name",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("user", "of_list", "name"), name="one_filter_of_a_name"),
        )

    def __str__(self) -> str:
        return self.name
