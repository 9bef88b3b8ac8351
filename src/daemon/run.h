/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start of the daemon, and its end.
 */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

#include "daemon/daemon.h"

bool startup_open(struct daemon *daemon);
void startup_settle(struct daemon *daemon);
void startup_close(struct daemon *daemon);

#endif
