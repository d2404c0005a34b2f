"""Form fields and the form for JSON documents: strict, readable, and no lost update."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from profiles import documents
from profiles.documents import InvalidDocument
from profiles.models import Profile
from tracsync.common.times import told
from tracsync.common.trail.models import TrailEntry
from tracsync.common.trail.words import Action
from tracsync.common.translation import translated

NOT_UTF8 = gettext_lazy("What was sent is not UTF-8. Nothing was saved.")


class JSONText(forms.Textarea):
    """A textarea for code: monospace, and no help with spelling."""

    def __init__(self, rows: int = 6, **attrs: Any) -> None:
        plain = {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}
        super().__init__({"class": "vLargeTextField code", "rows": rows, **plain, **attrs})


class JSONTextField(forms.CharField):
    """JSON as text, read as strictly as everywhere else; what cannot be read is shown as it was typed."""

    widget = JSONText

    def __init__(self, *, kind: type | None = None, unique_keys: bool = False, **kwargs: Any) -> None:
        self.kind, self.unique_keys = kind, unique_keys
        super().__init__(strip=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str) or value is None:
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        if value is None or not value.strip():
            return None
        try:
            parsed = documents.parse(value, unique_keys=self.unique_keys)
            documents.canonical(parsed)
        except InvalidDocument as error:
            raise ValidationError(translated(str(error)), code="invalid") from None
        if self.kind is not None and not isinstance(parsed, self.kind):
            kinds = documents.kind_of(self.kind()), documents.kind_of(parsed)
            wanted, got = map(translated, kinds)
            text = _("this must be %(wanted)s, not %(got)s") % {"wanted": wanted, "got": got}
            raise ValidationError(text, code="invalid")
        return parsed

    def validate(self, value: Any) -> None:
        if value is None and self.required:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """Those of text do not apply."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (data or "").split() != str(self.prepare_value(initial) or "").split()


class ProfileForm(forms.ModelForm):
    """Edits a document; knows the version that its text was made of."""

    id = forms.CharField(
        required=False,
        max_length=documents.MAX_ID_LENGTH,
        strip=False,
        label=gettext_lazy("ID"),
        help_text=gettext_lazy(
            "Up to 255 characters, fixed from then on. Blank: the document's own “id”, or a new one."
        ),
    )
    document = JSONTextField(
        kind=dict,
        widget=JSONText(rows=24),
        label=gettext_lazy("Document"),
        help_text=gettext_lazy(
            "Any JSON object. Saving what has not really changed changes nothing and sends nothing."
        ),
    )
    read_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    submitted_utf8 = True  # the admin looks at the request's bytes, which a form never sees

    class Meta:
        model = Profile
        fields = ("id", "document")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "read_version" in self.fields:
            self.initial["read_version"] = self.instance.version
        self.fields["document"].initial = {}

    def clean_document(self) -> Any:
        if not self.submitted_utf8:
            raise ValidationError(NOT_UTF8, code="invalid")
        id = self.cleaned_data.get("id") if self.instance._state.adding else self.instance.pk
        try:
            return documents.with_id(self.cleaned_data["document"], id)
        except InvalidDocument as error:
            raise ValidationError(translated(str(error)), code="invalid") from None

    def clean(self) -> None:
        if not self.instance._state.adding and self.cleaned_data.get("read_version") != self.instance.version:
            # The text stays as it was typed, and says from now on that it knows the newer version.
            read, now = self.cleaned_data.get("read_version") or _("unknown"), self.instance.version
            self.data = {**dict(self.data.items()), self.add_prefix("read_version"): str(now)}
            text = _(
                "Somebody else has changed this profile since you opened it: you read version %(read)s, it is"
                " now at version %(now)s, saved at %(time)s by %(who)s. Nothing was saved and your text is"
                " below. Compare it with the stored document (open this page in another tab), then save again"
                " to replace that."
            )
            moment = told(self.instance.changed_at)
            said = {"read": read, "now": now, "time": moment, "who": _changed_by(self.instance)}
            raise ValidationError(text % said, code="conflict")

    def _post_clean(self) -> None:
        """The model's checks need a document that could be read."""
        if self.errors:
            return
        super()._post_clean()  # type: ignore[misc]
        is_new = self.instance._state.adding and not self.errors
        if is_new and Profile.objects.filter(pk=self.instance.pk).exists():
            self.add_error("id", _("There is a profile with this ID already."))


def _changed_by(profile: Profile) -> str:
    """Who has saved the version of now. Only what people save by hand has an entry in the trail."""
    saved = TrailEntry.objects.filter(kind=profile._meta.label_lower, object_id=profile.pk)
    saved = saved.filter(action=Action.CHANGED, at__gte=profile.changed_at)
    return saved.values_list("actor", flat=True).first() or _("an import or the API")
