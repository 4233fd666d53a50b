"""What dashboard, alerts and their page ask for is what a started server exports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.exposition import asked_for, exported, families, labels_asked_for

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "ops/prometheus/alerts.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((ROOT / "ops/grafana/portevoix.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
PROMETHEUS_OWN = {"up"}
TARGET_LABELS = {"job", "instance", "le"}


@pytest.fixture(scope="module")
def families_exported():
    return exported()


@pytest.fixture(scope="module")
def series(families_exported):
    return {name for family in families_exported.values() for name in family.series()} | PROMETHEUS_OWN


def rules():
    return {rule["alert"]: rule for group in ALERTS["groups"] for rule in group["rules"]}


def dashboard_expressions():
    targets = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    notes = [note["expr"] for note in DASHBOARD["annotations"]["list"]]
    lists = [re.sub(r"^label_values\((.*),[^,]*\)$", r"\1", one["definition"])
             for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]  # fmt: skip
    return targets + notes + lists


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("rate(a_total[5m]) > 0", {"a_total"}),
        ('histogram_quantile(0.95, sum by (le, x) (rate(b_bucket{y="and z"}[$__rate_interval])))', {"b_bucket"}),
        ("a == 0 and max_over_time(b[1d]) == 1 or c offset 6h", {"a", "b", "c"}),
        ("a > on (instance) group_left (z) 1.5 * (b offset 6h) > 1e9", {"a", "b"}),
        ("sum(rate(a[5m])) or vector(0)", {"a"}),
    ],
)
def test_names_are_found_in_expressions(expression, names):
    assert asked_for(expression) == names


@pytest.mark.parametrize("alert", rules())
def test_an_alert_asks_for_what_there_is(alert, series):
    names = asked_for(rules()[alert]["expr"])
    assert names
    assert names <= series


@pytest.mark.parametrize("expression", dashboard_expressions())
def test_the_dashboard_asks_for_what_there_is(expression, series):
    names = asked_for(expression)
    assert names
    assert names <= series


@pytest.mark.parametrize("expression", [rule["expr"] for rule in rules().values()] + dashboard_expressions())
def test_labels_are_those_of_the_metrics(expression, families_exported):
    by_series = {name: family for family in families_exported.values() for name in family.series()}
    known = [by_series[name] for name in asked_for(expression) if name in by_series]
    if all(family.labels for family in known):
        assert labels_asked_for(expression) <= TARGET_LABELS.union(*(family.labels for family in known))


def rows_of_the_page():
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| ([^|]*) \|", PAGE, re.MULTILINE)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def test_the_page_has_every_metric_and_no_other(families_exported):
    assert set(rows_of_the_page()) == set(families_exported)


def test_the_page_has_their_types_and_labels(families_exported):
    for name, family in families_exported.items():
        kind, labels = rows_of_the_page()[name]
        assert kind == family.kind, name
        if family.labels:
            assert labels == family.labels, name


def test_the_page_says_what_to_do_about_each_alert_and_no_other():
    assert re.findall(r"^### (Portevoix\w+)$", PAGE, re.MULTILINE) == list(rules())


def test_a_page_is_read_as_prometheus_does():
    page = '# TYPE a_total counter\na_total{x="1"} 1.0\n# TYPE b histogram\nb_bucket{le="+Inf"} 1\nb_count 1\nb_sum 1\n'
    counter, histogram = families(page)
    assert (counter.name, counter.labels, list(counter.series())) == ("a_total", {"x"}, ["a_total"])
    assert list(histogram.series()) == ["b_bucket", "b_sum", "b_count"]
