/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another icmpnatd takes over: the one that execve() starts in this process, or
 * the one that the service manager starts next.
 */
#ifndef DAEMON_UPGRADE_H
#define DAEMON_UPGRADE_H

#include <stdbool.h>
#include <stdio.h>

struct daemon;

bool upgrade_try(struct daemon *daemon, FILE *mistakes);
void upgrade_execute(struct daemon *daemon);
void upgrade_store_state(struct daemon *daemon);

#endif
