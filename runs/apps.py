import gc

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"

    def ready(self) -> None:
        from runs.checks import checks_register

        checks_register()
        # What is there now stays for the life of the process: the collector need not look at it.
        gc.freeze()
        gc.enable()
