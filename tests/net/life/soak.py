# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""./check --soak: twenty minutes of 20,000 errors a second, with a reload every second and an upgrade
every minute. Every error arrives, all of them translated or counted; the accounts are right to the
packet; neither memory nor descriptors grow.

   client ==> datagrams ==> firewall ===== errors =====> border: counted by source

SOAK_SECONDS makes it shorter."""

import os
import subprocess
import time

from lab.daemon import Daemon
from lab.network import V4
from lab.process import descriptors, resident
from arrived import Arrived, counting

SECONDS = int(os.environ.get("SOAK_SECONDS", 1200))
RATE = 20_000
GROWTH = 512  # kB that the resident memory may grow after the first upgrade


def flood(network):
    command = [os.environ["ICMPNATD_BUILD"] + "/tests/bench/flood", V4.client, V4.plain_rejected, "64",
               str(SECONDS * RATE), str(RATE)]
    return network.client.start(command, stdout=subprocess.PIPE)


def test_soak(network):
    with counting(network), Daemon(network, queue="length = 65535;") as daemon:
        daemon.ctl("upgrade")
        account, arrived = daemon.account(), Arrived(network)
        memory, open_before, upgrades, reloads = [resident(daemon.process)], descriptors(daemon.process), 0, 0
        began, flooding = time.monotonic(), flood(network)
        while flooding.poll() is None:
            time.sleep(max(0, began + reloads + 1 - time.monotonic()))
            daemon.ctl("reload")
            reloads += 1
            if reloads % 60 == 0:
                daemon.ctl("upgrade")
                upgrades += 1
                memory.append(resident(daemon.process))
                print(f"{reloads} s: {upgrades} upgrades, resident {memory[-1]} kB", flush=True)
        time.sleep(1)
        sent, counted = SECONDS * RATE, account.counted()
        translated, untranslated = arrived.counts()
        print(f"{sent} datagrams; errors: {translated} translated, {untranslated} as the kernel made them; "
              f"{reloads} reloads, {upgrades} upgrades; resident {min(memory)} to {max(memory)} kB")
        print(daemon.ctl("stats", "--check").stdout)
        assert translated + untranslated == sent
        assert untranslated == sent - counted["queue", "received"] + counted["verdict", "refused-gone"]
        account.balance(counted, lost=untranslated > 0)
        assert max(memory) - memory[0] <= GROWTH
        assert descriptors(daemon.process) == open_before
        assert reloads >= 0.9 * SECONDS and upgrades >= SECONDS // 60 - 1
