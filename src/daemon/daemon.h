/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The daemon: its parts, and the loop in which it serves.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "daemon/guard_client.h"
#include "daemon/handover.h"
#include "daemon/state.h"
#include "daemon/upgrade.h"
#include "engine/workers.h"
#include "io/control.h"
#include "io/host_counters.h"
#include "io/rule_counters.h"
#include "rules/own.h"

struct daemon {
	struct upgrade_program program;
	struct state_times times;
	struct workers workers;
	struct own_rules own_rules;
	struct guard_client guard;
	struct handover handover;
	struct control *control;
	int counters, link, ipsec, signals; /* descriptors */
	struct host_counters host_counters;
	struct mnl_socket *rule_counters; /* NULL: not to be had */
	bool hung;			  /* errors are not taken, but pass */
	bool stop, upgrade;		  /* asked for */
	bool keep;			  /* stop, but leave the queues to the next program */
};

int daemon_run(struct daemon *daemon, struct config *config);		       /* in run.c */
bool answer_request(void *daemon, struct control_request *request, FILE *out); /* in answer.c */
bool daemon_loop(struct daemon *daemon);
bool daemon_reload(struct daemon *daemon, FILE *mistakes);
bool daemon_upgrade(struct daemon *daemon, FILE *mistakes);
void daemon_look_at_interfaces(struct daemon *daemon);

#endif
