/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the daemon is, whether it does its work, and what was wrong.
 */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include <stdio.h>

#include "daemon/daemon.h"

void status_print(FILE *out, const struct daemon *daemon);

#endif
