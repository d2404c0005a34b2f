"""The admin as a site: its sections are in `navigation`."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from tracsync.admin import (
    documentation,
    documentation_search,
    navigation,
    preferences,
    settings_page,
    style_guide,
)
from tracsync.admin.lists import exports
from tracsync.admin.sessions import kept_forms


class TracsyncAdminSite(AdminSite):
    site_header = "tracsync"
    site_title = "tracsync"
    index_title = _("Home")
    site_url = None  # there is no other site to view
    enable_nav_sidebar = False  # ours lists tasks, not apps

    # django-q2's own pages run any stored task again, and would let an editor schedule any function.
    LEFT_OUT = ("django_q",)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        from tracsync.admin.sign_in import oidc, second_factor  # as above
        from tracsync.sign_in import throttle

        if request.method == "GET" and (way_in := second_factor.way_in(request)):
            return redirect(way_in)
        self.login_form = oidc.SignInForm
        shown = {
            "issuer": settings.TRACSYNC_OIDC_ISSUER and settings.TRACSYNC_OIDC_NAME,
            "is_only_for_superusers": oidc.is_only_for_superusers(),
        }
        answer = super().login(request, {**shown, **(extra_context or {})})
        if request.method == "POST" and request.user.is_authenticated:
            request.session.set_expiry(None)  # somebody may have gone to an issuer first
            throttle.remember(request, answer)
        return answer

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        from destinations.admin.dashboard import home  # it needs models, and the site is made before them
        from tracsync.admin import recent_changes
        from tracsync.admin.notices import yours

        shown = home.context(request, yours.needs(request))
        changes = recent_changes.changes(request, self)
        context = {"home": shown, "title": shown["title"], "changes": changes}
        return super().index(request, {**context, **(extra_context or {})})

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        wanted = [model for model in models if model._meta.app_label not in self.LEFT_OUT]
        super().register(wanted, admin_class, **options)

    def get_urls(self) -> list[Any]:
        from destinations.admin.jobs import base  # as above
        from destinations.admin.search import page  # as above
        from tracsync.admin import invitations  # as above
        from tracsync.admin.sign_in import oidc as sign_in_by

        own = [
            path("search/", self.admin_view(page.view), name="search"),
            path("settings/", self.admin_view(self.settings), name="settings"),
            path("settings/retention/", self.admin_view(self.retention), name="retention"),
            path("settings/style-guide/", self.admin_view(self.style_guide), name="style_guide"),
            path("preferences/", self.admin_view(self.preferences), name="preferences"),
            path("sign-in/", sign_in_by.begin, name="oidc"),
            path("sign-in/back/", sign_in_by.back, name="oidc_back"),
            path("second-factor/", self.admin_view(self.second_factor), name="second_factor"),
            path("second-factor/code/", self.second_factor_code, name="second_factor_code"),
            path("second-factor/set-up/", self.second_factor_set_up, name="second_factor_set_up"),
            path("notices/", self.admin_view(self.your_notices), name="your_notices"),
            path("work/", self.admin_view(base.work_view), name="work"),
            path("session/", self.session, name="session"),
            path("session/back/", self.admin_view(self.signed_in_again), name="signed_in_again"),
            path("session/kept/", self.kept_form, name="kept_form"),
            path("join/<uidb64>/<token>/", invitations.join_view(self), name="join"),
            path("export/<slug:app>/<slug:model>/", self.admin_view(self.export), name="export"),
            path("filters/<slug:app>/<slug:model>/", self.admin_view(self.save_filter), name="save_filter"),
            path("docs/", self.admin_view(self.documentation_search), name="documentation_search"),
            path("docs/<slug:page>/", self.admin_view(self.documentation), name="documentation"),
        ]
        return [*own, *super().get_urls()]

    @method_decorator(never_cache)
    def session(self, request: HttpRequest) -> HttpResponse:
        """Whether somebody is still signed in, and what forms that were opened before have to send by now."""
        return JsonResponse({"signed_in": self.has_permission(request), "token": get_token(request)})

    def signed_in_again(self, request: HttpRequest) -> HttpResponse:
        """Where somebody comes who has signed in in another tab than that with the form."""
        context = {**self.each_context(request), "title": _("You are signed in again")}
        return TemplateResponse(request, "admin/tracsync/site/signed_in_again.html", context)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return kept_forms.giving_back(self, super().admin_view(view, cacheable))

    @method_decorator([csrf_exempt, never_cache, require_POST])
    def kept_form(self, request: HttpRequest) -> HttpResponse:
        """Its token is of before the sign-in; it only shows what it was sent, to be sent or not."""
        return kept_forms.view(request, self)

    @method_decorator(transaction.atomic)
    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """With its entry in the trail, or not at all."""
        return super().password_change(request, extra_context)

    def preferences(self, request: HttpRequest) -> HttpResponse:
        return preferences.view(request, **self.each_context(request))

    def second_factor(self, request: HttpRequest) -> HttpResponse:
        from tracsync.admin.sign_in import second_factor  # as above

        return second_factor.page_view(request, **self.each_context(request))

    @method_decorator((never_cache, csrf_protect))
    def second_factor_code(self, request: HttpRequest) -> HttpResponse:
        """For who is not signed in yet."""
        from tracsync.admin.sign_in import second_factor

        return second_factor.code_view(request, **self.each_context(request))

    @method_decorator((never_cache, csrf_protect))
    def second_factor_set_up(self, request: HttpRequest) -> HttpResponse:
        from tracsync.admin.sign_in import second_factor

        return second_factor.set_up_view(request, **self.each_context(request))

    def your_notices(self, request: HttpRequest) -> HttpResponse:
        from tracsync.admin.notices import yours

        return yours.view(request, **self.each_context(request))

    def documentation(self, request: HttpRequest, page: str) -> HttpResponse:
        return documentation.view(request, page, **self.each_context(request))

    def documentation_search(self, request: HttpRequest) -> HttpResponse:
        return documentation_search.view(request, **self.each_context(request))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        shown = navigation.sections(request, context["available_apps"]) if context["has_permission"] else []
        from tracsync.sign_in import second_factor  # as above

        return {**context, "navigation": shown, "offers_second_factor": second_factor.is_offered()}

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> Any:
        """Apps are nothing that people know: whatever leads there leads to where their pages are."""
        shown = navigation.sections(request, self.get_app_list(request))
        pages = (page for section in shown for page in section.pages)
        found = next((page for page in pages if page.name.startswith(f"{app_label}_")), None)
        if found is None:
            raise Http404
        return redirect(found.url)

    def export(self, request: HttpRequest, app: str, model: str) -> HttpResponseBase:
        return exports.view(request, self, app, model)

    def save_filter(self, request: HttpRequest, app: str, model: str) -> HttpResponse:
        from tracsync.admin.lists import saved_filters  # as above

        return saved_filters.view(request, self, app, model)

    def style_guide(self, request: HttpRequest) -> HttpResponse:
        return style_guide.view(request, **self.each_context(request))

    def retention(self, request: HttpRequest) -> HttpResponse:
        from tracsync.admin.privacy import retention  # as above

        return retention.view(request, **self.each_context(request))

    def settings(self, request: HttpRequest) -> HttpResponse:
        return settings_page.view(request, **self.each_context(request))
