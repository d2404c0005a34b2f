"""A span for each request to the web server, by its route: addresses hold the ids of profiles."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest, HttpResponse

from destinations.sync import tracing


class RequestSpans:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.TRACSYNC_TRACES:
            return self.get_response(request)
        with tracing.span(f"{request.method}", tracing.sent_with(request.headers)) as span:
            response = self.get_response(request)
            route = simplify_regex(request.resolver_match.route) if request.resolver_match else "no route"
            span.update_name(f"{request.method} {route}")
            span.set_attribute("http.request.method", request.method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", response.status_code)
            return response
