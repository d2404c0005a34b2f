"""One page says of everything that grows how long it is kept, and what decides that."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db.models import DateTimeField
from django.urls import reverse
from django.utils import timezone

from destinations.models import DeliveryAttempt
from tracsync.privacy import retention

pytestmark = pytest.mark.django_db

# Tables with moments in them that do not grow with time, or whose rows go with others that are listed.
NO_AGE = {
    **dict.fromkeys(("ProfileSync", "AuditFinding", "Notice"), "goes with what it belongs to"),
    **dict.fromkeys(("Destination", "Resource", "Extension", "KnownFields", "AccessToken"), "configuration"),
    **dict.fromkeys(("Health", "Account", "Heartbeat", "Installation", "NoticeWatch"), "one row each"),
    **dict.fromkeys(("User", "ApiToken", "NoticeChannel", "SecondFactor", "Identity"), "people and programs"),
    **dict.fromkeys(("OrmQ", "Schedule", "Task", "Success"), "gone when it is done"),
    **dict.fromkeys(("AccessFailureLog", "AccessLog", "AccessAttemptExpiration"), "not written here"),
}


def test_every_table_with_moments_is_listed_or_does_not_grow():
    listed = {one.rows.model._meta.object_name for one in retention.everything()}
    dated = {
        model._meta.object_name
        for model in apps.get_models()
        if any(isinstance(field, DateTimeField) for field in model._meta.local_fields)
    }
    assert dated - listed == set(NO_AGE) & dated, "say in retention.py how long it is kept, or why not here"
    assert not listed & set(NO_AGE)


def test_the_page_has_value_variable_count_and_the_oldest(
    admin_client, make_destination, make_profile, settings
):
    settings.TRACSYNC_ATTEMPT_DAYS = 17
    destination, profile = make_destination(), make_profile()
    for days in (3, 5):
        DeliveryAttempt.objects.create(
            **{"profile_id": profile.pk, "destination": destination, "idempotency_key": str(days)},
            **{
                "version": 1,
                "at": timezone.now() - timedelta(days=days),
                "duration_ms": 1,
                "outcome": "accepted",
            },
        )
    page = admin_client.get(reverse("admin:retention")).content.decode()
    row = page.partition("Delivery log, with")[2].partition("</tr>")[0]
    assert all(text in row for text in ("17 days", "TRACSYNC_ATTEMPT_DAYS", ">2</td>"))
    assert "TRACSYNC_ATTEMPT_BODIES" in page
    assert reverse("admin:retention") in admin_client.get(reverse("admin:settings")).content.decode()


def test_it_is_for_who_may_know_the_settings(allow, client):
    allow("destinations.view_destination")
    assert client.get(reverse("admin:retention")).status_code == 403
    allow("destinations.change_destination")
    assert client.get(reverse("admin:retention")).status_code == 200
