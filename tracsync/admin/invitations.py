"""Inviting somebody: name, e-mail address and role; they set their password by a link that works once."""

from __future__ import annotations

import logging
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.auth.views import PasswordResetConfirmView
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracsync.admin.permission_names import RoleField, with_permissions
from tracsync.notices import channels

logger = logging.getLogger(__name__)


class InvitationForm(forms.ModelForm):
    """Their address is what they sign in with; nobody else sets their password.

    `roles`: those that the inviting person may give.
    """

    roles: QuerySet[Group] = Group.objects.none()

    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        max_length=150,  # it is the username, too
        help_text=gettext_lazy("They sign in with it, and notices go there."),
    )
    role = RoleField(
        Group.objects.none(),
        label=gettext_lazy("Role"),
        required=True,
        empty_label=None,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("What they may do. It can be changed at any time."),
    )

    class Meta:
        model = User
        fields = ("first_name", "last_name", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role: Any = self.fields["role"]
        role.queryset = with_permissions(self.roles)

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].lower()
        if User.objects.filter(Q(username__iexact=email) | Q(email__iexact=email)).exists():
            raise forms.ValidationError(_("Somebody with this address is there already."))
        return email

    def save(self, commit: bool = True) -> Any:
        user = super().save(commit=False)
        user.username, user.is_staff = user.email, True
        user.set_unusable_password()
        if commit:
            user.save()
            self._save_m2m()
        return user

    def _save_m2m(self) -> None:
        self.instance.groups.set([self.cleaned_data["role"]])


class LinkTokens(PasswordResetTokenGenerator):
    """A link ends also when its person may do other things than when it was made.

    Whoever made it has seen it, and may not become somebody who may do more by then.
    """

    key_salt = "tracsync.admin.invitations"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        rights = [user.is_active, user.is_staff, user.is_superuser]
        groups = sorted(user.groups.values_list("pk", flat=True))
        permissions = sorted(user.user_permissions.values_list("pk", flat=True))
        return f"{super()._make_hash_value(user, timestamp)}{rights}{groups}{permissions}"


tokens = LinkTokens()


def link(request: HttpRequest, user: User) -> str:
    """Whoever has it sets the password of this person: until it was used, they sign in or are given other
    rights, or it is too old. Who signs in by an issuer has none, and the link leads there."""
    if _has_issuer(user):
        return request.build_absolute_uri(reverse("admin:login"))
    uid, token = urlsafe_base64_encode(force_bytes(user.pk)), tokens.make_token(user)
    return request.build_absolute_uri(reverse("admin:join", args=[uid, token]))


def _has_issuer(user: User) -> bool:
    return settings.TRACSYNC_LOCAL_SIGN_IN == "superusers" and not user.is_superuser


def deliver(request: HttpRequest, user: User, **context: Any) -> HttpResponse | None:
    """Sends the link by e-mail; where that is not possible, the page that shows it, once."""
    address, days = link(request, user), settings.PASSWORD_RESET_TIMEOUT // 86400
    if user.email and channels.has_email() and _sent(request, user, address, days):
        return None
    title = _("Send this link to %(name)s") % {"name": user.get_full_name() or user}
    context |= {"title": title, "days": days, "link": address, "has_issuer": _has_issuer(user)}
    return TemplateResponse(request, "admin/tracsync/site/invited.html", context)


def _sent(request: HttpRequest, user: User, address: str, days: int) -> bool:
    inviter: Any = request.user
    by_issuer = _("%(inviter)s invites you to tracsync. Sign in with %(issuer)s here:\n\n%(link)s")
    by_password = _(
        "%(inviter)s invites you to tracsync. Set your password here, within %(days)s days:\n\n%(link)s\n\n"
        "Then sign in as %(username)s."
    )
    text = (by_issuer if _has_issuer(user) else by_password) % {
        "issuer": settings.TRACSYNC_OIDC_NAME,
        "inviter": inviter.get_full_name() or inviter.get_username(),
        "days": days,
        "link": address,
        "username": user.get_username(),
    }
    try:
        EmailMessage(_("Your access to tracsync"), text, to=[user.email]).send()
    except OSError as error:
        logger.warning("An invitation could not be sent by e-mail: %s", type(error).__name__)
        return False
    return True


class JoinView(PasswordResetConfirmView):
    template_name = "admin/tracsync/site/join.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        works = _("Set your password"), _("This link does not work any more")
        return {**super().get_context_data(**kwargs), "title": works[not self.validlink]}

    def form_valid(self, form: Any) -> HttpResponse:
        """The page to sign in asks for a username, and an invitation by hand has not told it."""
        text = _("Your password is set. Sign in as %(username)s.")
        messages.success(self.request, text % {"username": form.user.get_username()})
        return super().form_valid(form)


def join_view(site: Any) -> Any:
    """Where the link leads: nobody is signed in there."""
    shown = {"site_header": site.site_header, "site_title": site.site_title, "has_permission": False}
    view = JoinView.as_view(
        success_url=reverse_lazy("admin:login"), extra_context=shown, token_generator=tokens
    )
    return transaction.atomic(view)  # with its entry in the trail, or not at all
