"""Installing the demonstration; safe to repeat."""

from django.utils import timezone

from destinations import configuration
from destinations.models import Destination, Extension, Resource
from destinations.operations import backfill
from profiles import changes, samples
from profiles.models import Profile

NAME = "Demo receiver"
PREREQUISITES = "profile@data.contact.email.business EXISTS"
MAPPING = {
    "id": "profile@id",
    "email": "profile@data.contact.email.business",
    "name": "{{profile@data.pii.firstname}} {{profile@data.pii.lastname}}",
    "town?": "profile@data.contact.address.town",
    "visits": "profile@stats.visits",
}
QUIET_PERIOD = 5.0


def install(receiver_url: str) -> None:
    """Sample profiles where there are none of them yet, and a destination that leads to the receiver."""
    Extension.objects.filter(slug="http_api", installed_at=None).update(installed_at=timezone.now())
    resource, _ = Resource.objects.get_or_create(name=NAME, defaults={"type_id": "http_api"})
    if resource.production != {"url": receiver_url}:
        resource.production = resource.test = {"url": receiver_url}
        configuration.save(resource)
    documents = {document["id"]: document for document in samples.profiles()}
    known = set(Profile.objects.filter(pk__in=documents).values_list("pk", flat=True))
    changes.write([changes.Change(id, "put", one) for id, one in documents.items() if id not in known])
    if not Destination.objects.filter(name=NAME).exists():
        destination = Destination(
            name=NAME,
            resource=resource,
            description="Shows on a page of this machine what it receives.",
            prerequisites=PREREQUISITES,
            mapping=MAPPING,
            quiet_period=QUIET_PERIOD,
        )
        configuration.save(destination)
        backfill.request(destination)
