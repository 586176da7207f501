"""The product's settings, and meters in its workers: what git and checks take, when tasks begin."""

from autopack_site.settings import *  # noqa: F403 (that is what settings modules do)
from autopack_site.settings import INSTALLED_APPS as PRODUCT

INSTALLED_APPS = [*PRODUCT, "benchmarks.metered.Metered"]
