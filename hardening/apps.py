from django.apps import AppConfig
from django.db.models.signals import post_migrate

from hardening.seeding import patterns_seed


class HardeningConfig(AppConfig):
    name = "hardening"

    def ready(self) -> None:
        post_migrate.connect(patterns_seed, sender=self)
