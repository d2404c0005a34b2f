from django.contrib.admin.apps import AdminConfig


class TracsyncAdminConfig(AdminConfig):
    default_site = "tracsync.site.TracsyncAdminSite"
