"""Help on every field: no form of the admin leaves a person to guess what belongs into a field."""

import pytest
from django.contrib import admin
from django.test import RequestFactory

from destinations.admin.base.object_actions import ReadOnly
from destinations.admin.jobs.import_forms import UploadForm
from destinations.connectors import registry
from destinations.insight.attempt_search import AttemptFilters
from destinations.models import Destination, Extension, Resource
from tracsync.admin.preferences import PreferencesForm

PAGES = {
    model._meta.label: page for model, page in admin.site._registry.items() if not isinstance(page, ReadOnly)
}
WITH_SCHEMAS = ("destinations.Destination", "destinations.Resource")


def without_help(form):
    """The names of the fields that a person sees and that say nothing of themselves."""
    return [
        name for name, field in form.base_fields.items() if not (field.help_text or field.widget.is_hidden)
    ]


def everything_set(schema):
    """A value for each property, so that each has its box to remove it."""
    properties = schema.get("properties", {})
    return {name: everything_set(one) if "properties" in one else "x" for name, one in properties.items()}


@pytest.fixture
def asking(admin_user):
    request = RequestFactory().get("/admin/")
    request.user = admin_user
    return request


@pytest.mark.parametrize("label", [label for label in PAGES if label not in WITH_SCHEMAS])
def test_every_field_of_every_model_has_help(label, asking):
    page = PAGES[label]
    assert without_help(page.get_form(asking)) == []
    assert without_help(page.get_form(asking, page.model(), change=True)) == []


def test_every_field_of_every_connector_has_help(asking, db):
    """In one test: to read all of them for its parameters would take each process of a run a second."""
    for extension in Extension.objects.filter(pk__in=registry.slugs()):
        stored = everything_set(registry.get(extension.pk).credentials_schema)
        resource = Resource(name=extension.pk, type=extension, production=stored, test=stored)
        resource.save()
        page = PAGES["destinations.Resource"]
        assert without_help(page.get_form(asking, resource, change=True)) == [], extension
        page = PAGES["destinations.Destination"]
        assert without_help(page.get_form(asking, Destination(resource=resource), change=True)) == [], (
            extension
        )


@pytest.mark.parametrize("form", [UploadForm, AttemptFilters, PreferencesForm])
def test_every_field_of_our_own_forms_has_help(form):
    assert without_help(form) == []


def test_help_of_users_and_groups_is_on_their_pages(page, admin_user):
    assert "Notices go there" in page("auth_user_change", admin_user.pk)
    assert "such as Operator" in page("auth_group_add")
