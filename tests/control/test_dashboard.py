# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The example of a dashboard asks for nothing but what a daemon and the example for the textfile collector print: metrics,
their labels, and the values of these."""
import json
import pathlib
import re
from collections import defaultdict

import pytest

from conftest import KERNEL_COUNTERS
from test_counters import tables

TOP = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = TOP / "etc/examples"
DASHBOARD = json.loads((EXAMPLES / "icmpnatd-grafana.json").read_text())
OF_PROMETHEUS = {"instance"}
LABELLED = re.compile(r'^(icmpnatd_\w+)(?:\{(.*)\})? \d+$', re.M)
pytestmark = pytest.mark.skipif(not KERNEL_COUNTERS, reason="the file of the queues' counters is for the host's root only")


@pytest.fixture
def printed(daemon):
    """By metric, the values of each label."""
    counted = re.findall(r'RULE_COUNTER\(\w+, "([^"]+)"', (TOP / "src/io/rule_counters.def").read_text())
    with tables(ip={f"{name}.lo": 1 for name in counted}):
        text = daemon.ctl("stats", "--all", "--prometheus").stdout
    metrics = {name: defaultdict(set) for name, _ in LABELLED.findall(text)}
    for name, labels in LABELLED.findall(text):
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            metrics[name][label].add(value)
    script = (EXAMPLES / "icmpnatd-textfile.sh").read_text()
    metrics |= {f"icmpnatd_{name}": {} for name in re.findall(r'\b(?:value|gauge) (\w+) "', script)}
    metrics["icmpnatd_doctor_findings"] = {"state": set(re.findall(r'n\["(\w+)"\] =', script))}
    return metrics


def questions():
    """Of each panel the expressions and the labels that its legend names; of each variable the metric."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"], re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"], []


def unknown(printed, expression, legend):
    """What is in it that nobody prints."""
    metrics = re.findall(r"icmpnatd_\w+", expression)
    for metric in metrics:
        if metric not in printed:
            yield metric
    for metric, matchers in re.findall(r"(icmpnatd_\w+)\{([^}]*)\}", expression):
        for label, values in re.findall(r'(\w+)\s*[!=]=?~?\s*"([^"]*)"', matchers):
            if label not in OF_PROMETHEUS and not set(values.split("|")) <= printed.get(metric, {}).get(label, set()):
                yield f"{metric}: {label} {values}"
    grouped = [label for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(", ")]
    for label in grouped + legend:
        if label not in OF_PROMETHEUS and not all(label in printed.get(metric, {}) for metric in metrics):
            yield f"label {label} of {expression}"


def test_it_asks_for_what_is_printed(printed):
    asked = list(questions())
    assert len(asked) > len(DASHBOARD["panels"]) > 10
    assert [what for question in asked for what in unknown(printed, *question)] == []


def test_it_asks_for_all_that_is_printed(printed):
    """But for what only helps to reckon."""
    asked = {metric for expression, _ in questions() for metric in re.findall(r"icmpnatd_\w+", expression)}
    assert set(printed) - asked == {"icmpnatd_mode_audit", "icmpnatd_kernel_id_sequence_total"}


def test_every_panel_has_its_place():
    places = [(p["gridPos"]["x"] + dx, p["gridPos"]["y"] + dy) for p in DASHBOARD["panels"]
              for dx in range(p["gridPos"]["w"]) for dy in range(p["gridPos"]["h"])]
    assert len(places) == len(set(places)) and max(x for x, _ in places) < 24
    assert len({p["id"] for p in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
