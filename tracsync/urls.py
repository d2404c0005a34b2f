from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from tracsync.admin import error_pages
from tracsync.monitoring import health, metrics

admin.autodiscover()
# Not in the package itself: the site is made of a module in it, before any page can register there.
from tracsync.admin import tokens, users  # noqa: E402, F401
from tracsync.admin.notices import channels, incidents, limits  # noqa: E402, F401
from tracsync.admin.privacy import erasures  # noqa: E402, F401
from tracsync.admin.trail import entries  # noqa: E402, F401

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("tracsync.api.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.MetricsView.as_view()),
]

handler400 = error_pages.bad_request
handler403 = error_pages.forbidden
handler404 = error_pages.not_found
handler500 = error_pages.server_error
