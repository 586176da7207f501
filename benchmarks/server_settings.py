"""The product's settings, and one view more: an answer that does nothing, to compare with."""

from autopack_site.settings import *  # noqa: F403 (that is what settings modules do)

ROOT_URLCONF = "benchmarks.server_urls"
AUTOPACK_API_RATE = 0
