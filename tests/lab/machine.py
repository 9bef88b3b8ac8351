# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""A machine that boots this system's own systemd, in namespaces, on a copy-on-write view of this
system's root, or of another one. What was built is installed into it with "make install"; nothing that
happens in it reaches the host, and it is gone when the test process is."""

import contextlib
import json
import os
import pathlib
import pty
import shutil
import subprocess
import tempfile
import threading
import time

NAMESPACES = ["--mount", "--ipc", "--uts", "--pid", "--net", "--cgroup", "--fork", "--kill-child"]

# $1: where to put the root, $2: the console's terminal, $3: the root to be seen. The first process of the new namespaces
# becomes systemd.
BOOT = """
set -e
root=$1/root
mount --make-rprivate /
mkdir "$root" "$1/work"
mount -t overlay overlay -o "lowerdir=$3,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs run "$root/run"
mount -t tmpfs dev "$root/dev"
for d in null zero full random urandom tty; do
	touch "$root/dev/$d"
	mount --bind "/dev/$d" "$root/dev/$d"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
touch "$root/dev/console"
mount --bind "$2" "$root/dev/console"
ip link set lo up
cd "$root"
pivot_root . mnt
umount -l /mnt
mount --make-rshared /
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --unit=basic.target --log-target=console
"""

# What a machine without hardware, time and logins can do without.
MASKED = ["systemd-udevd.service", "systemd-udev-trigger.service", "systemd-modules-load.service",
          "systemd-timesyncd.service", "systemd-random-seed.service", "systemd-remount-fs.service",
          "systemd-sysctl.service", "systemd-update-utmp.service", "systemd-logind.service", "timers.target"]


def can_hold_rules():
    """Whether a daemon in such a machine can hold its rules itself."""
    rules = "table ip probe { flags owner; chain c { type filter hook output priority 0; queue num 0; }; }"
    return subprocess.run(["unshare", "-n", "nft", "-c", "-f", "-"], input=rules, text=True,
                          capture_output=True).returncode == 0


class Unavailable(Exception):
    """Why no machine can be booted here."""


class Machine:
    """Boots at once; run() runs a command in it; close() ends it."""

    def __init__(self, install, root="/"):
        """install(directory) puts files where the machine's root, a view of root, will show them."""
        self.root = root
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="icmpnatd-machine-", dir="/var/tmp"))
        self.cgroup = None
        upper = self.directory / "upper"
        units = upper / "etc/systemd/system"
        units.mkdir(parents=True)
        self.messages = b""
        self.terminal, self.console_end = pty.openpty()  # systemd writes to nothing but a terminal
        threading.Thread(target=self._listen, daemon=True).start()
        for unit in MASKED:
            (units / unit).symlink_to("/dev/null")
        install(upper)
        self.process = self._boot()
        try:
            self.pid = self._wait()
        except Exception:
            self.close()
            raise

    def _boot(self):
        """systemd manages the cgroup that it finds itself in: it gets one of its own."""
        unified = [line.split()[1] for line in open("/proc/mounts") if line.split()[2] == "cgroup2"]
        if not unified:
            raise Unavailable("no cgroup2 hierarchy is mounted")
        self.cgroup = pathlib.Path(unified[0]) / self.directory.name
        self.cgroup.mkdir()
        enter = f'echo $$ >"{self.cgroup}/cgroup.procs" && exec unshare "$@"'
        return subprocess.Popen(["sh", "-c", enter, "sh", *NAMESPACES, "sh", "-c", BOOT, "sh",
                                 self.directory, os.ttyname(self.console_end), self.root],
                                stdin=subprocess.DEVNULL)

    def _wait(self, seconds=60):
        """The process that is number 1 of the machine, when it serves commands."""
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Unavailable(f"namespaces or mounts are refused here (status {self.process.returncode})")
            pids = open(children).read().split()
            if pids:
                self.pid = int(pids[0])
                if self.run("systemctl", "is-active", "basic.target", check=False).stdout == "active\n":
                    return self.pid
            time.sleep(0.1)
        raise Unavailable("systemd did not come up: " + self.console()[-2000:])

    def run(self, *command, check=True, timeout=300):
        done = subprocess.run(["nsenter", "-t", str(self.pid), "-a", "-r", "-w", *command],
                              capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stdout}{done.stderr}\n{self.console()[-3000:]}")
        return done

    def start(self, *command):
        """Starts a command in it, whose input and output are the caller's."""
        return subprocess.Popen(["nsenter", "-t", str(self.pid), "-a", "-r", "-w", *command],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def put(self, path, text):
        """Writes a file of the machine, and the directories that it needs."""
        path = pathlib.Path(f"/proc/{self.pid}/root") / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def show(self, unit, *properties):
        lines = self.run("systemctl", "show", unit, "-p", ",".join(properties)).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def json(self, *command):
        return json.loads(self.run(*command).stdout)

    def _listen(self):
        with contextlib.suppress(OSError):
            while data := os.read(self.terminal, 4096):
                self.messages += data

    def console(self):
        return self.messages.decode(errors="replace")

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self.console_end)
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.cgroup:
            for path in sorted([*self.cgroup.rglob("*/"), self.cgroup], reverse=True):
                for _ in range(50):
                    try:
                        os.rmdir(path)
                        break
                    except OSError:
                        time.sleep(0.02)
