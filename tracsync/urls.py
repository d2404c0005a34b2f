from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from tracsync.api import errors, root
from tracsync.monitoring import health, metrics

# Profiles come last: their ids may be anything.
api_urls: list[URLPattern | URLResolver] = [
    path("", root.Root.as_view(), name="api"),
    path("schema/", root.Schema.as_view(), name="schema"),
    path("docs/", root.Docs.as_view(), name="docs"),
    path("", include("destinations.api.urls")),
    path("", include("profiles.api")),
    re_path("", errors.elsewhere),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include(api_urls)),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.MetricsView.as_view()),
]

handler400 = errors.bad_request
handler404 = errors.not_found
handler500 = errors.server_error
