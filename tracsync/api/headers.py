"""Headers of every answer, beside those of Django's own middleware."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from tracsync.api import errors, rate_limit

# What a page of ours could ask of a browser, and none does.
NOTHING = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "geolocation"),
        *("gyroscope", "magnetometer", "microphone", "midi", "payment", "usb"),
    )
)


TEXTS_OF_SCRIPTS = "/jsi18n/"  # of Django's: the same for everybody, and asked for by each page


class HeadersMiddleware:
    """Answers of the API and pages of the admin are kept by nobody, unless they say otherwise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", NOTHING)
        is_page = request.path_info.startswith(reverse("admin:index"))
        if errors.is_api(request) or (is_page and not request.path_info.endswith(TEXTS_OF_SCRIPTS)):
            response.headers.setdefault("Cache-Control", "no-store, private")
        if errors.is_api(request):
            for name, value in rate_limit.headers(request).items():
                response.headers[name] = value
        return response
