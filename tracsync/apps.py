from django.apps import AppConfig


class TracsyncConfig(AppConfig):
    name = "tracsync"
    verbose_name = "Access"
