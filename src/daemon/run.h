/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of the daemon: what is opened, in which order, and its end.
 */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

#include "daemon/daemon.h"

int run(struct daemon *daemon, struct config *config);

#endif
