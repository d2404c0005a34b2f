"""The addresses of the API. `/v1/` is the one that is promised; without a version they are the same."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from tracsync.api import errors, root

# Profiles come last: their ids may be anything.
addresses: list[URLPattern | URLResolver] = [
    path("", root.Root.as_view(), name="api"),
    path("schema/", root.Schema.as_view(), name="schema"),
    path("docs/", root.Docs.as_view(), name="docs"),
    path("", include("destinations.api.urls")),
    path("", include("tracsync.api.notices")),
    path("", include("tracsync.api.privacy")),
    path("", include("tracsync.api.token_views")),
    path("", include("tracsync.api.trail")),
    path("", include("profiles.api")),
    re_path("", errors.elsewhere),
]

urlpatterns = [
    path("v1/", include(addresses)),
    path("", include((addresses, "api"), namespace="unversioned")),
]
