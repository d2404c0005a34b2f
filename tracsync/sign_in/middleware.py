"""Sessions in which a second factor lacks are nobody's, for every view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from tracsync.sign_in import second_factor


class SecondFactorMiddleware:
    """After Django's `AuthenticationMiddleware`, and as lazy: who asks for nobody asks nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found: Any = request.user
        request.user = SimpleLazyObject(lambda: second_factor.whole(request, found))  # type: ignore[assignment]
        return self.get_response(request)
