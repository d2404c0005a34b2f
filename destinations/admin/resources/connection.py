"""Testing the connection with what a resource's form says, before anything of it is saved."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from destinations.admin.base.confirm_before_save import AsksBeforeSaving
from destinations.admin.base.filters import row_id
from destinations.admin.resources import guide
from destinations.configuration import target_fields
from destinations.connectors.base import ConnectorError
from destinations.insight import preview
from destinations.models import Extension, Resource
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.translation import translated

SET = "tracsync_set"  # beside the form's own fields: which credentials
LABELS = {
    "production": gettext_lazy("Test connection as typed"),
    "test": gettext_lazy("Test connection with the test credentials as typed"),
}
_TYPED = "tracsync_tested_typed"  # in the session: a fingerprint of the credentials that were in order
_BESIDE = ("name", "slug", "tags")  # fields that a connection does not need


@require_POST
def test_typed(request: HttpRequest, model_admin: AsksBeforeSaving) -> HttpResponse:
    """A piece of the form's page: what the other side answers, and what that means."""
    stored = _stored(request, model_admin)
    if not model_admin.may_save(request, stored):
        raise PermissionDenied
    form = model_admin.get_form(request, stored, change=stored is not None)(
        request.POST, instance=stored or Resource()
    )
    use_test = request.POST.get(SET) == "test"
    other = "production." if use_test else "test."
    if mistakes := [name for name in form.errors if name not in _BESIDE and not name.startswith(other)]:
        problems = " ".join(str(one) for name in mistakes for one in form.errors[name])
        return _answer(request, problems, is_fine=False)
    resource: Resource = form.instance
    if _holds_refresh_token(resource.credentials(use_test)):
        said = _("Save it first: a refresh token may count only once, and what it is exchanged for is kept.")
        return _answer(request, said, is_fine=False)
    try:
        said, is_fine = preview.check_typed(resource, use_test), True
    except (ConnectorError, UndecryptableValue) as error:
        said, is_fine = str(error), False
    if is_fine and not use_test:
        request.session[_TYPED] = _fingerprint(resource)
    return _answer(request, translated(said), is_fine=is_fine)


def take_over(request: HttpRequest, resource: Resource) -> None:
    """A saved resource whose connection was tested as it was typed is tested."""
    if request.session.pop(_TYPED, "") == _fingerprint(resource):
        target_fields.learn(resource, use_test=False)
        guide.note_test(request, resource, is_fine=True)


def context(request: HttpRequest, model_admin: AsksBeforeSaving, obj: Resource | None) -> dict[str, Any]:
    query = f"resource={obj.pk}" if obj else f"type={request.GET.get('type', '')}"
    url = reverse(f"admin:{model_admin.url_name('test_typed')}")
    return {"test_typed_url": f"{url}?{query}", "test_typed": LABELS, "set_name": SET}


def _stored(request: HttpRequest, model_admin: AsksBeforeSaving) -> Resource | None:
    asked = request.GET.get("resource", "")
    if asked:
        stored: Resource | None = model_admin.stored_row(row_id(asked))
    else:
        slug = request.GET.get("type", "").replace("\0", "")
        stored = None
        if not Extension.objects.filter(pk=slug, installed_at__isnull=False).exists():
            raise Http404
    if asked and stored is None:
        raise Http404
    return stored


def _holds_refresh_token(credentials: Any) -> bool:
    if not isinstance(credentials, dict):
        return False
    return bool(credentials.get("refresh_token")) or any(map(_holds_refresh_token, credentials.values()))


def _fingerprint(resource: Resource) -> str:
    """Tells nothing of the credentials to whoever reads the session."""
    typed = json.dumps([resource.type_id, resource.production], sort_keys=True)
    return salted_hmac(_TYPED, typed, algorithm="sha256").hexdigest()


def _answer(request: HttpRequest, said: str, *, is_fine: bool) -> HttpResponse:
    shown = {"said": said, "is_fine": is_fine}
    return TemplateResponse(request, "admin/tracsync/resources/tested.html", shown)
