"""The pages of the second factor: typing a code, setting it up, new backup codes, and turning it off."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate, logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from tracsync.common.encryption import UndecryptableValue, decrypt, encrypt
from tracsync.models import SecondFactor
from tracsync.sign_in import second_factor, throttle
from tracsync.sign_in.second_factor import Answer, Missing

SEED, LEAVE, NEW_CODES, OFF = "tracsync_second_factor_seed", "leave", "new_codes", "off"
FEW_CODES = 3


class CodeForm(forms.Form):
    """Checks the password, too, where `person` is asked for it."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, request: HttpRequest, person: Any, ask_password: bool) -> None:
        super().__init__(*args)
        self.request, self.person = request, person
        if not (ask_password and person.has_usable_password()):
            del self.fields["password"]
        self.order_fields(["password", "code"])

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        found = authenticate(self.request, username=self.person.get_username(), password=password)
        if found is None or found.pk != self.person.pk:
            raise forms.ValidationError(_("This is not your password."))
        return password

    def refuse(self, answer: Answer) -> None:
        """Wrong codes count as wrong passwords do."""
        if answer is Answer.WAITS:
            said = _(
                "There were too many wrong codes: those of the app have to wait. A backup code works now."
            )
            self.add_error("code", said)
            return
        if answer is Answer.UNREADABLE:
            said = _("What your app has cannot be read here any more: a key is missing. A backup code works.")
            self.add_error("code", said)
            return
        credentials = {"username": self.person.get_username()}
        user_login_failed.send(sender=__name__, credentials=credentials, request=self.request)
        self.add_error("code", _("This code is wrong, too old, or was used before."))


def way_in(request: HttpRequest) -> str | None:
    """Where a person has to go who is signed in but for the second factor."""
    half = second_factor.half_signed_in(request)
    if half is None:
        return None
    page = "admin:second_factor_code" if half[1] is Missing.CODE else "admin:second_factor_set_up"
    query = QueryDict(mutable=True)
    query["next"] = _next(request)
    return f"{reverse(page)}?{query.urlencode()}"


def code_view(request: HttpRequest, **context: Any) -> HttpResponse:
    """Between the password and the first page."""
    half = second_factor.half_signed_in(request)
    if half is None or half[1] is not Missing.CODE:
        return redirect(_next(request))
    if LEAVE in request.POST:
        return _leave(request)
    person = half[0]
    form = CodeForm(request.POST or None, request=request, person=person, ask_password=False)
    if form.is_valid() and not _waits(request, person):
        answer = second_factor.check(person, form.cleaned_data["code"])
        if answer is Answer.RIGHT:
            factor = SecondFactor.objects.defer("seed").get(pk=person.pk)
            second_factor.let_in(request, factor)
            _warn_of_few(request, factor)
            return redirect(_next(request))
        form.refuse(answer)
    shown = {"title": _("Your second factor"), "form": form, "next": _next(request), "leave": LEAVE}
    return TemplateResponse(request, "admin/tracsync/sign_in/code.html", {**context, **shown})


def set_up_view(request: HttpRequest, **context: Any) -> HttpResponse:
    """For who is signed in, and for who has to before they are."""
    half = second_factor.half_signed_in(request)
    if half is not None and LEAVE in request.POST:
        return _leave(request)
    person: Any = request.user if half is None else half[0]
    has_to = half is not None and half[1] is Missing.SET_UP
    if not (has_to or request.user.is_authenticated):
        return redirect(way_in(request) or "admin:login")
    if not second_factor.is_offered() or not person.is_staff:
        raise PermissionDenied
    if SecondFactor.objects.filter(pk=person.pk).exists():
        return redirect("admin:second_factor")
    seed = _seed(request)
    form = CodeForm(request.POST or None, request=request, person=person, ask_password=not has_to)
    if form.is_valid() and not _waits(request, person):
        made = second_factor.set_up(person, seed, form.cleaned_data["code"])
        if made is not None:
            del request.session[SEED]
            second_factor.let_in(request, made[0])
            request.user = person
            _note(request, person, gettext_noop("Set up a second factor."))
            return _codes_page(request, made[1], _next(request), context)
        form.refuse(Answer.WRONG)
    address = second_factor.address(seed, person)
    shown = {
        "title": _("Set up a second factor"),
        "form": form,
        "picture": mark_safe(second_factor.picture(address)),  # noqa: S308 - drawn by us
        "address": address,
        "key": " ".join(seed[n : n + 4] for n in range(0, len(seed), 4)),
        "has_to": has_to,
        "next": _next(request),
        "leave": LEAVE,
    }
    return TemplateResponse(request, "admin/tracsync/sign_in/set_up.html", {**context, **shown})


def page_view(request: HttpRequest, **context: Any) -> HttpResponse:
    """How it is, and what can be done about it, of whoever is signed in."""
    person: Any = request.user
    factor = SecondFactor.objects.filter(pk=person.pk).defer("seed").first()
    if factor is None:
        return redirect("admin:second_factor_set_up")
    form = CodeForm(request.POST or None, request=request, person=person, ask_password=True)
    if form.is_valid() and not _waits(request, person):
        answer = second_factor.check(person, form.cleaned_data["code"])
        if answer is not Answer.RIGHT:
            form.refuse(answer)
        elif OFF in request.POST:
            second_factor.remove(person)
            _note(request, person, gettext_noop("Turned the second factor off."))
            messages.success(request, _("The second factor is off."))
            return redirect("admin:preferences")
        else:
            _note(request, person, gettext_noop("Made new backup codes."))
            codes = second_factor.new_backup_codes(factor)
            return _codes_page(request, codes, reverse("admin:second_factor"), context)
    left = factor.backup_codes.count()
    shown = {
        "title": _("Your second factor"),
        "form": form,
        "factor": factor,
        "left": _codes_left(left),
        "is_required": second_factor.is_required(person),
        "new_codes": NEW_CODES,
        "off": OFF,
    }
    return TemplateResponse(request, "admin/tracsync/sign_in/second_factor.html", {**context, **shown})


def _codes_page(request: HttpRequest, codes: list[str], after: str, context: dict[str, Any]) -> HttpResponse:
    """Codes are in this answer and nowhere else."""
    shown = {"title": _("Your backup codes"), "codes": codes, "next": after}
    return TemplateResponse(request, "admin/tracsync/sign_in/backup_codes.html", {**context, **shown})


def _seed(request: HttpRequest) -> str:
    """What is being set up in this session, until it is."""
    try:
        seed: str = decrypt(request.session[SEED])
    except (KeyError, UndecryptableValue):
        seed = second_factor.new_seed()
        request.session[SEED] = encrypt(seed)
    return seed


def _waits(request: HttpRequest, person: Any) -> bool:
    """Then what is answered is not the page."""
    name = person.get_username()
    waits = throttle.is_waiting(request, name)
    if waits:
        throttle.refuse(request, name)
    return waits


def _leave(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("admin:login")


def _next(request: HttpRequest) -> str:
    """A page of ours, but none of these."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    home = reverse("admin:index")
    if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
        return home
    return home if wanted.startswith((reverse("admin:second_factor"), reverse("admin:login"))) else wanted


def _codes_left(count: int) -> str:
    return ngettext("%(count)s backup code is left.", "%(count)s backup codes are left.", count) % {
        "count": count
    }


def _warn_of_few(request: HttpRequest, factor: SecondFactor) -> None:
    left = factor.backup_codes.count()
    if left < FEW_CODES:
        messages.warning(request, " ".join((_codes_left(left), _("Make new ones under Second factor."))))


def _note(request: HttpRequest, person: Any, text: str) -> None:
    """In the history of the person."""
    from django.contrib import admin

    admin.site.get_model_admin(User).log_change(request, person, text)
