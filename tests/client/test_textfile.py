# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The example for the textfile collector of node_exporter writes what icmpnatctl says, whole or not at all.

A stand-in answers for the daemon; what the doctor finds is prepared, as its exit status is.
"""
import json
import os
import pathlib
import re
import subprocess

import pytest

from test_ctl import BALANCED, BALANCED_KERNEL, CTL, StandIn, read_prometheus, stats

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "etc/examples/icmpnatd-textfile.sh"
pytestmark = pytest.mark.skipif(not CTL, reason="ICMPNATCTL does not name the client")
CLIENT = """#!/bin/sh
case "$*" in
*" doctor --json") cat {0}/findings; exit $(cat {0}/status) ;;
*) exec {1} "$@" ;;
esac
"""


@pytest.fixture
def run(tmp_path):
    """Runs it while a daemon answers or not, and the doctor finds these states; returns the samples that it wrote."""
    (tmp_path / "icmpnatctl").write_text(CLIENT.format(tmp_path, CTL))
    (tmp_path / "icmpnatctl").chmod(0o755)
    collected = tmp_path / "collected"
    collected.mkdir()
    daemon = StandIn(tmp_path / "control")
    names = [*BALANCED, *(("kernel", name) for name in BALANCED_KERNEL[0])]
    daemon.answers["explain"] = "".join(
        "\t".join([group, name, "what it counts", *["rewritten"] * (group == "outcome")]) + "\n"
        for group, name in names) + "ok\n"

    def run(answer, status, *states, working="yes"):
        daemon.answers["stats"] = answer
        daemon.answers["status"] = f"working\t{working}\nversion\t1.0\nok\n"
        findings = [{"check": "rules", "state": state, "sentence": 'a "problem"', "mend": ""} for state in states]
        findings.append({"check": "result", "state": "problem", "sentence": "", "mend": ""})
        (tmp_path / "findings").write_text("[\n" + ",\n".join("  " + json.dumps(f) for f in findings) + "\n]\n")
        (tmp_path / "status").write_text(str(status))
        subprocess.run(["sh", SCRIPT, collected, "-s", daemon.path], check=True, capture_output=True,
                       env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
        file, = collected.iterdir()
        assert file.name == "icmpnatd.prom" and file.stat().st_mode & 0o777 == 0o644
        return read_prometheus(file.read_text())[1]
    yield run
    daemon.close()


def state(name):
    return "icmpnatd_doctor_findings", (("state", name),)


def test_all_well(run):
    samples = run(stats(BALANCED, *BALANCED_KERNEL), 0, "ok", "note", "ok")
    assert samples["icmpnatd_up", ()] == samples["icmpnatd_accounts_complete", ()] == 1
    assert samples["icmpnatd_doctor_result", ()] == 0
    assert [samples[state(name)] for name in ("ok", "note", "problem", "unknown")] == [2, 1, 0, 0]
    assert samples["icmpnatd_outcome_total", (("name", "outer"), ("fate", "rewritten"), ("worker", "0"))] > 0


@pytest.mark.parametrize("working, result", [("yes", 0), ("no", 1), ("unknown", 3)])
def test_whether_the_daemon_works(run, working, result):
    """A daemon that hangs answers, and may have lost nothing yet."""
    samples = run(stats(BALANCED, *BALANCED_KERNEL), 0, "ok", working=working)
    assert samples["icmpnatd_up", ()] == 1 and samples["icmpnatd_status_result", ()] == result


@pytest.mark.parametrize("status, alert", [(0, None), (1, "something is wrong"), (2, "does not run"), (3, "not look at everything"),
                                           (127, "does not run")])
def test_one_alert_for_each_end_of_the_doctor(status, alert):
    """That it could not look at everything is no mistake where it never can."""
    alerts = re.findall(r"^#\t(.*?) {2,}(\w.*)$", SCRIPT.read_text(), re.M)
    firing = [text for expression, text in alerts if expression.startswith("icmpnatd_doctor_result")
              and eval(expression, {"icmpnatd_doctor_result": status})]
    assert len(firing) == (alert is not None) and all(alert in text for text in firing)


@pytest.mark.parametrize("status, word", [(1, "problem"), (3, "unknown")])
def test_the_doctor_finds(run, status, word):
    samples = run(stats(BALANCED, *BALANCED_KERNEL), status, "ok", word)
    assert samples["icmpnatd_doctor_result", ()] == status and samples[state(word)] == 1


def test_a_packet_is_missing(run):
    samples = run(stats({**BALANCED, ("verdict", "unsent"): (7, 0), ("queue", "received"): (99, 0)}, *BALANCED_KERNEL), 0)
    assert samples["icmpnatd_up", ()] == 1 and samples["icmpnatd_accounts_complete", ()] == 0


def test_nobody_answers(run):
    """There is no telling whether a packet is missing, or whether it works."""
    samples = run("error\tno\n", 1, "problem")
    assert samples["icmpnatd_up", ()] == 0 and samples["icmpnatd_doctor_result", ()] == 1
    assert not {("icmpnatd_accounts_complete", ()), ("icmpnatd_status_result", ())} & samples.keys()


def test_no_directory(tmp_path):
    done = subprocess.run(["sh", SCRIPT], capture_output=True, text=True)
    assert done.returncode != 0 and "usage: icmpnatd-textfile.sh DIRECTORY" in done.stderr
    done = subprocess.run(["sh", SCRIPT, tmp_path / "missing"], capture_output=True, text=True)
    assert done.returncode == 1 and "missing" in done.stderr
