# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A running icmpnatd is refused whatever it does not need. An object that is loaded into the daemon tries it when the
daemon accepts its first client. Not with sanitizers, which need more.

Needs root, a C compiler, and in ICMPNATD_BUILD a build directory without sanitizers, or / for what is installed.
"""

import contextlib
import errno
import os
import pathlib
import re
import subprocess
import time

import pytest

from lab.reachable import reachable_directory

BUILD = pathlib.Path(os.environ.get("ICMPNATD_BUILD", "/nowhere"))
PROGRAMS = BUILD / ("src" if BUILD != pathlib.Path("/") else "usr/sbin")
DAEMON, CTL = PROGRAMS / "icmpnatd", PROGRAMS / "icmpnatctl"
HERE = pathlib.Path(__file__).parent
NET_ADMIN = f"{1 << 12:016x}"
OWN_USER = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--inh-caps", "-all,+net_admin",
            "--ambient-caps", "-all,+net_admin", "--bounding-set", "-all,+net_admin"]
STARTS = {"root": [], "its own user": OWN_USER}
FORBIDDEN = """open-for-writing create append connect-inet connect-unix socket-inet socket-packet fork vfork clone
    ptrace load-module mount unshare setns bpf perf io_uring keyctl kill setuid chown reboot""".split()
ALLOWED = "open-for-reading socket-unix socket-netlink thread".split()


def without_sanitizers():
    return DAEMON.exists() and "libasan" not in subprocess.run(["ldd", DAEMON], capture_output=True, text=True).stdout


pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="starting with other privileges needs root"),
    pytest.mark.skipif(not without_sanitizers(), reason="ICMPNATD_BUILD names no build without sanitizers"),
]


@pytest.fixture(scope="module")
def intruder():
    """What is loaded; where every user can read it."""
    with reachable_directory() as directory:
        library = directory / "intruder.so"
        subprocess.run(["cc", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, HERE / "intruder.c", "-pthread"],
                       check=True)
        yield library


class Running:
    """An icmpnatd in a network namespace of its own, with the intruder in it."""

    def __init__(self, directory, how, intruder=None):
        directory.chmod(0o777)
        self.control, self.log = directory / "control", directory / "log"
        (directory / "conf").write_text(
            'outside = [ "lo" ]; rules = "external";\n'
            'maps = ( { private = "192.168.42.1"; public = "198.51.100.1"; } );\n'
            f'control = {{ socket = "{self.control}"; group = ""; }};\n')
        self._program = directory / "icmpnatd"  # where every user can read it
        self._program.write_bytes(DAEMON.read_bytes())
        self._program.chmod(0o755)
        preload = ["env", f"LD_PRELOAD={intruder}"] if intruder else []
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(["unshare", "--net", *how, *preload, self._program, "-c", directory / "conf"],
                                            stderr=log)
        self.wait(lambda: "started" in self.log.read_text())

    def wait(self, true):
        end = time.monotonic() + 60
        while not true():
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.01)

    def ctl(self, *words):
        return subprocess.run([CTL, "-s", self.control, *words], capture_output=True, text=True, check=True).stdout

    def threads(self):
        """What the kernel says of each thread."""
        for status in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/status"):
            yield {key: value.split() for key, value in re.findall(r"^(\w+):(.*)$", status.read_text(), re.M)}

    def attempts(self):
        self.ctl("stats")
        self.wait(lambda: "attempts end" in self.log.read_text())
        return dict(re.findall(r"^attempt (\S+) (\d+)$", self.log.read_text(), re.M))

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, self.log.read_text()


@pytest.fixture(params=STARTS)
def start(request):
    """start(intruder) starts the daemon with other privileges each time."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(reachable_directory())

        def begin(intruder=None):
            running = Running(directory, STARTS[request.param], intruder)
            stack.callback(running.stop)
            return running
        yield begin


def assert_one_capability(running):
    threads = list(running.threads())
    assert len(threads) == 2
    for status in threads:
        held = {key: status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        assert held == dict.fromkeys(held, [NET_ADMIN])
        assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])


def test_one_capability_is_left(start):
    assert_one_capability(start())


def test_and_after_an_upgrade(start):
    running = start()
    filters = [status["Seccomp_filters"] for status in running.threads()]
    assert "has taken over" in running.ctl("upgrade")
    assert_one_capability(running)
    assert [status["Seccomp_filters"] for status in running.threads()] == filters
    running.ctl("reload")


def test_an_upgrade_with_a_bounding_set_that_cannot_be_given_up():
    """That takes CAP_SETPCAP, which a daemon that was started as another user has never had."""
    with reachable_directory() as directory:
        running = Running(directory, OWN_USER[:OWN_USER.index("--bounding-set")])
        try:
            assert "has taken over" in running.ctl("upgrade")
        finally:
            running.stop()


@pytest.mark.parametrize("upgraded", [False, True], ids=["started", "upgraded"])
def test_what_must_no_longer_work(start, intruder, upgraded):
    running = start(intruder)
    attempts = running.attempts()
    if upgraded:
        running.log.write_text("")
        running.ctl("upgrade")
        attempts = running.attempts()
    refused = {str(errno.EPERM), str(errno.EACCES)}
    assert {name for name in FORBIDDEN if attempts[name] not in refused} == set()
    assert {name for name in ALLOWED if attempts[name] != "0"} == set()
    assert set(attempts) == {*FORBIDDEN, *ALLOWED}
