/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The queues of the workers: opened, or taken over from another program.
 */
#ifndef DAEMON_QUEUES_H
#define DAEMON_QUEUES_H

#include "daemon/handover.h"
#include "engine/workers.h"

bool queues_open(struct workers *workers, struct handover *handover, int counters);
void queues_end_rest(struct handover *handover, int counters);

#endif
