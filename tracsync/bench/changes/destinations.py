"""Destinations that wait for the end of changes; nothing is sent to them, as no worker runs."""

from __future__ import annotations

from django.utils import timezone

from destinations.models import Destination, Extension, Resource

QUIET = 20.0  # seconds


def have(count: int) -> None:
    """Exactly so many enabled destinations."""
    Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
    resource, _ = Resource.objects.get_or_create(name="nowhere", type_id="http_api")
    for number in range(Destination.objects.count(), count):
        Destination.objects.create(name=f"destination-{number}", resource=resource, quiet_period=QUIET)
    Destination.objects.update(enabled=False)
    first = Destination.objects.order_by("pk").values_list("pk", flat=True)[:count]
    Destination.objects.filter(pk__in=list(first)).update(enabled=True)
