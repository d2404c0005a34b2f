"""The addresses of a project of somebody else, which has tracsync among its own pages."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from profiles.models import Profile
from tracsync.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def order(request: HttpRequest) -> HttpResponse:
    """What a shop does when a customer has ordered something."""
    profile, _created = Profile.objects.get_or_create(id="ada", defaults={"document": {"id": "ada"}})
    profile.document["orders"] = profile.document.get("orders", 0) + 1
    profile.save()
    return HttpResponse("thank you")


urlpatterns = [path("order/", order), path("sync/", include("tracsync.urls"))]
