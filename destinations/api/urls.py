from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from destinations.api.attempts import AttemptViews
from destinations.api.audits import AuditViews
from destinations.api.backfills import BackfillViews
from destinations.api.configuration import ApplyView, ExportView, PlanView
from destinations.api.destinations import DestinationViews
from destinations.api.extensions import ExtensionViews
from destinations.api.replays import ReplayViews
from destinations.api.resources import ResourceViews
from destinations.api.syncs import ProfileSyncNow, ProfileSyncs, SyncViews
from profiles.api import ID

router = SimpleRouter()
router.register("extensions", ExtensionViews, basename="extension")
router.register("resources", ResourceViews, basename="resource")
router.register("destinations", DestinationViews, basename="destination")
router.register("audits", AuditViews, basename="audit")
router.register("backfills", BackfillViews, basename="backfill")
router.register("replays", ReplayViews, basename="replay")
router.register("syncs", SyncViews, basename="sync")
router.register("attempts", AttemptViews, basename="attempt")

urlpatterns = [
    *router.urls,
    path("configuration/", ExportView.as_view(), name="configuration"),
    path("configuration/plan/", PlanView.as_view(), name="configuration-plan"),
    path("configuration/apply/", ApplyView.as_view(), name="configuration-apply"),
    re_path(rf"^profiles/{ID}/syncs/?\Z", ProfileSyncs.as_view(), name="profile-syncs"),
    re_path(rf"^profiles/{ID}/sync/?\Z", ProfileSyncNow.as_view(), name="profile-sync-now"),
]
