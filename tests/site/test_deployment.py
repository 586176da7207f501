"""The samples of docs/deployment say what the product needs; the document names what there is."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from autopack_site.api.metrics import metrics_text

DOCS = Path(__file__).parents[2] / "docs"
SAMPLES = DOCS / "deployment"
# What a supervisor may need beside the drain: its children's leaving, and the rows.
TIDYING_SECONDS = 30


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as the standard library says to
    parser.read(SAMPLES / name, encoding="utf-8")
    return parser


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SAMPLES / "compose.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("name", "command"), [("autopack.service", "serve"), ("autopack-worker.service", "worker")]
)
def test_a_unit_drains_before_it_kills_and_leaves_the_sandbox_alone(
    name: str, command: str
) -> None:
    service = unit(name)["Service"]
    assert service["ExecStart"].endswith(f"manage.py {command}")
    assert (service["KillMode"], service["Restart"]) == ("mixed", "always")
    assert int(service["TimeoutStopSec"]) >= settings.AUTOPACK_DRAIN_SECONDS + TIDYING_SECONDS
    assert not {
        "RestrictNamespaces", "SystemCallFilter", "ProtectKernelTunables", "ProtectKernelLogs",
        "ProcSubset", "MemoryDenyWriteExecute",
    } & set(service)  # fmt: skip


def test_the_units_differ_in_their_command_only() -> None:
    server, worker = unit("autopack.service"), unit("autopack-worker.service")
    for section in server.sections():
        differing = {
            key for key in server[section] if server[section][key] != worker[section].get(key)
        }
        assert differing <= {"Description", "ExecStart"}


def test_containers_get_the_time_to_drain_and_one_home() -> None:
    services = compose()["services"]
    ours = [services["web"], services["worker"]]
    for service in ours:
        seconds = int(service["stop_grace_period"].removesuffix("s"))
        assert seconds >= settings.AUTOPACK_DRAIN_SECONDS + TIDYING_SECONDS
        assert "hostname" not in service, "each container is a host of its own"
    assert ours[0]["volumes"] == ours[1]["volumes"]
    assert ours[0]["command"][-2:] == ["--workers", "0"]


def test_the_image_has_all_of_the_product() -> None:
    copied = set(re.findall(r"^COPY (\S+)", (SAMPLES / "Dockerfile").read_text(), re.MULTILINE))
    packages = {
        path.parent.name
        for path in DOCS.parent.glob("*/__init__.py")
        if path.parent.name not in {"tests", "benchmarks"}
    }
    assert copied == packages | {"manage.py", "requirements.txt", "templates"}


@pytest.mark.django_db
def test_the_figures_that_the_document_names_are_there() -> None:
    text = (DOCS / "deployment.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:autopack|process)_[a-z_]+)(?:\{[a-z,]*\})?`", text))
    # Of a family, its first line; a counter's own name is without the _total of its samples.
    offered = set(re.findall(r"^# TYPE (\w+)", metrics_text().decode(), re.MULTILINE))
    assert "autopack_oldest_queued_run_seconds" in named
    assert named <= offered


def test_links_of_the_deployment_page_name_every_sample() -> None:
    text = (DOCS / "deployment.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(deployment/([^)]+)\)", text)) - {""}
    assert linked == {path.name for path in SAMPLES.iterdir()} - {"autopack.env"}
