"""The files for those who operate a server are whole, and fit together."""

from __future__ import annotations

import configparser
import json
import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml

OPS = Path(__file__).parents[2] / "ops"
ROOT = OPS.parent
DASHBOARD = json.loads((OPS / "grafana/portevoix.json").read_text(encoding="utf-8"))
PANELS = DASHBOARD["panels"]
COMPOSE = yaml.safe_load((OPS / "compose.yaml").read_text(encoding="utf-8"))
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def read_yaml(path: str):
    return yaml.safe_load((OPS / path).read_text(encoding="utf-8"))


def test_panels_have_names_of_their_own_and_a_place_of_their_own():
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    for one, other in combinations((panel["gridPos"] for panel in PANELS), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def test_rows_stand_in_the_order_of_reading():
    rows = [panel["title"] for panel in PANELS if panel["type"] == "row"]
    assert rows == ["Overview", "Latency", "Chain and breakers", "Queue", "Cache", "Models and downloads", "Machine"]
    assert [panel["gridPos"]["y"] for panel in PANELS] == sorted(panel["gridPos"]["y"] for panel in PANELS)


@pytest.mark.parametrize("panel", [one for one in PANELS if one["type"] != "row"], ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_asks_the_chosen_source(panel):
    assert panel["description"].endswith(".")
    assert panel["datasource"] == SOURCE
    targets = panel["targets"]
    assert targets
    assert all(target["expr"] and target["datasource"] == SOURCE for target in targets)
    assert len({target["refId"] for target in targets}) == len(targets)


def test_variables_are_declared_before_they_are_used():
    declared = [one["name"] for one in DASHBOARD["templating"]["list"]]
    assert declared[0] == "datasource"
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(DASHBOARD))) - {"__rate_interval", "__all"}
    assert used == set(declared)


def test_the_container_is_given_what_its_file_needs():
    service = COMPOSE["services"]["portevoix"]
    assert (OPS / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    assert mounted == {"/data", "/cache"}
    assert service["read_only"]
    for name in ("prometheus", "grafana"):
        for volume in COMPOSE["services"][name]["volumes"]:
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (OPS / source).exists(), volume


def test_nothing_is_published_beyond_this_machine():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prometheus_and_grafana_find_each_other():
    config = read_yaml("prometheus/prometheus.yml")
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "portevoix"
    assert job["static_configs"][0]["targets"] == ["portevoix:9090"]
    assert COMPOSE["services"]["portevoix"]["environment"]["PORTEVOIX_MONITORING__PROMETHEUS_ENABLED"] == "true"
    assert config["rule_files"] == ["alerts.yml"]
    (source,) = read_yaml("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = read_yaml("grafana/provisioning/dashboards/portevoix.yaml")["providers"]
    place = f"{provider['options']['path']}/portevoix.json"
    assert any(place in volume for volume in COMPOSE["services"]["grafana"]["volumes"])


def test_each_alert_has_a_case_that_sets_it_off_and_one_that_does_not():
    alerts = [rule["alert"] for group in read_yaml("prometheus/alerts.yml")["groups"] for rule in group["rules"]]
    names = [case["name"] for case in read_yaml("prometheus/alerts_test.yml")["tests"]]
    assert names == [f"{alert} {verb}" for alert in alerts for verb in ("fires", "keeps quiet")]


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_an_image_runs_as_nobody_in_particular_and_copies_what_there_is(name):
    lines = (OPS / "docker" / name).read_text(encoding="utf-8").splitlines()
    assert "USER 10001:10001" in lines
    assert any(line.startswith("HEALTHCHECK") and '"portevoix", "health"' in line for line in lines)
    kept = (OPS / "docker" / f"{name}.dockerignore").read_text(encoding="utf-8").splitlines()
    copies = [line.split() for line in lines if line.startswith("COPY") and "--from" not in line]
    sources = [part for copy in copies for part in copy[1:-1]]
    assert sources
    assert all((ROOT / source).exists() and f"!{source}" in kept for source in sources)


@pytest.mark.parametrize(
    "path", ["docker/Dockerfile", "docker/Dockerfile.cuda", "compose.yaml", "systemd/portevoix.service"]
)
def test_settings_in_the_environment_are_settings(path):
    from portevoix.config import load
    from portevoix.registry import installed_engines

    text = (OPS / path).read_text(encoding="utf-8")
    found = re.findall(r"(PORTEVOIX_\w+)(?:=|: )\"?([^\s\"]+)", text)
    loaded = load(None, {"HOME": "/nonexistent", **dict(found)}, installed_engines())
    assert loaded.problems == ()


def test_the_unit_starts_the_server_watches_it_and_gives_it_time_to_stop():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(OPS / "systemd/portevoix.service", encoding="utf-8")
    service = unit["Service"]
    assert service["ExecStart"].endswith("portevoix serve --log-format json")
    assert service["Type"] == "notify"
    from portevoix.config.settings import ServerSettings
    from portevoix.server.pulse import PERIOD_SECONDS

    assert float(service["WatchdogSec"].rstrip("s")) > 10 * PERIOD_SECONDS
    assert float(service["TimeoutStopSec"].rstrip("s")) > 2 * ServerSettings().stop_timeout_seconds
    for name in ("NoNewPrivileges", "DynamicUser", "ProtectHome", "PrivateTmp"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
