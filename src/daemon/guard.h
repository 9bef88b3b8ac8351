/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The guard: a small process beside the daemon that holds the queues' sockets,
 * too. If the daemon crashes or is killed, or moves no packet for two
 * seconds or so, the guard lets errors leave as the kernel made them.
 */
#ifndef DAEMON_GUARD_H
#define DAEMON_GUARD_H

#include "daemon/handover.h"

int guard_start(char **trial, struct handover *handover);

#endif
