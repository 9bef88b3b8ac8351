/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that outlive the program that opened them, by name: across execve(), in
 * the service manager's store (sd_pid_notify_with_fds(3)), and with the guard.
 */
#ifndef DAEMON_HANDOVER_H
#define DAEMON_HANDOVER_H

#include <stdbool.h>

#include "daemon/guard_client.h"

#define HANDOVER_MAX 160 /* two for each worker, and some */

/* Where a descriptor stands. */
enum handover_where {
	HANDOVER_PASSED, /* came over execve(), and is not taken yet */
	HANDOVER_STORED, /* came from the service manager's store, and is not taken yet */
	HANDOVER_TAKEN,	 /* came in one of these ways, and is in use */
	HANDOVER_OPENED, /* was opened by this program */
	HANDOVER_CLOSED,
};

struct handover_item {
	char name[GUARD_NAME_MAX];
	int fd;
	enum handover_where where;
};

struct handover {
	struct handover_item items[HANDOVER_MAX];
	unsigned n;
	struct guard_client *guard; /* who is given copies */
	bool upgraded;		    /* by execve(): the guard has its copies already */
};

void handover_init(struct handover *handover);
bool handover_is_queue(const char *name, unsigned *number);
int handover_take(struct handover *handover, const char *name);
const char *handover_next_queue(const struct handover *handover);
bool handover_keep(struct handover *handover, const char *name, int fd);
void handover_forget(struct handover *handover, const char *name);
void handover_forget_all(struct handover *handover);
void handover_close_rest(struct handover *handover, bool forget);
bool handover_pass_all(struct handover *handover, int state);
void handover_take_back(struct handover *handover);

#endif
