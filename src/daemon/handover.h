/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Descriptors that outlive the program that opened them, by name: across execve(), in
 * the service manager's store (sd_pid_notify_with_fds(3)), and with the guard.
 */
#ifndef DAEMON_HANDOVER_H
#define DAEMON_HANDOVER_H

#include <stdbool.h>

#include "daemon/guard_client.h"
#include "io/queue_gate.h"

#define HANDOVER_MAX                                                                                         \
	256 /* all that a service manager keeps (FileDescriptorStoreMax=), and a queue for each worker */

struct handover_item {
	char name[GUARD_NAME_MAX];
	int fd;	     /* -1: closed, or no longer handed on */
	bool stored; /* came from the service manager's store */
	bool in_use; /* was opened by this program, or taken by it; else it is on offer */
};

struct handover {
	struct handover_item items[HANDOVER_MAX];
	unsigned n;
	struct guard_client *guard; /* who is given copies */
	bool upgraded;		    /* by execve(): the guard has its copies already */
	bool full;		    /* something in use found no room: nothing can be passed on */
};

void handover_init(struct handover *handover);
bool handover_is_queue(const char *name, struct queue_gate *gate);
void handover_name_queue(char name[GUARD_NAME_MAX], const struct queue_gate *gate);
int handover_take(struct handover *handover, const char *name);
const char *handover_next_queue(const struct handover *handover);
bool handover_keep(struct handover *handover, const char *name, int fd);
void handover_forget(struct handover *handover, const char *name, int fd);
void handover_forget_all(const struct handover *handover);
void handover_close_rest(struct handover *handover, bool forget);
bool handover_pass_all(const struct handover *handover, int state);
void handover_take_back(const struct handover *handover);

#endif
