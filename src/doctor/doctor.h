/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * icmpnatctl doctor: whether this host can do the job, and does it now. A check
 * looks at one thing and says what it found; nothing on the host is changed.
 */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include <setjmp.h>
#include <stdbool.h>

#include "config/config.h"
#include "config/word.h"
#include "doctor/findings.h"
#include "doctor/holders.h"
#include "doctor/ruleset.h"
#include "doctor/sending.h"
#include "doctor/twin.h"
#include "rules/rules.h"

#define DOCTOR_MEND_MAX 2048 /* bytes of a command that mends something */

struct doctor {
	const char *socket; /* of the daemon */
	struct findings findings;
	const char *check;		       /* name of the one that runs now */
	char about[96];			       /* begins each of its sentences */
	const char *path;		       /* of the configuration that is looked at */
	char file[WORD_FILE_MAX];	       /* the same as a word for a shell */
	char option[WORD_FILE_MAX + 8];	       /* -s, where it is not the default socket; or "" */
	char sudo[2 * WORD_FILE_MAX + 64];     /* the command that looks again as root */
	char nsenter[2 * WORD_FILE_MAX + 256]; /* .. that looks again from outside of a container */
	struct config *config;
	bool runs;		/* a daemon answers */
	char *running;		/* its configuration file; NULL: it did not say */
	bool is_idle;		/* it says that it does not work now .. */
	char *idle;		/* .. and why; NULL: it does not say */
	unsigned mute;		/* process that holds our queue, where no daemon answers; 0: none */
	bool own_rules;		/* it holds its rules itself; or did, and the kernel has kept them */
	struct sending sending; /* when the doctor began */
	struct holders holders; /* of the host's queues */
	struct mnl_socket *routes;
	struct twin twin;
	jmp_buf lost;	   /* .. and where to go on if it cannot be entered, or left */
	bool has_settings; /* the twin has those of the host */
	bool has_twin;	   /* it has the host's rules and routes, and ours if has_rules */
	bool is_whole;	   /* .. all of them, and the host's settings */
	bool has_rules;
	enum rules_format best; /* that loads there; RULES_NONE: none */
	bool copies;		/* .. which copy errors about new flows */
	bool tees;		/* .. by iptables' TEE */
	enum rules_format kind; /* of the rules that the host has, or else could have */
	struct ruleset ruleset; /* of the host */
};

enum doctor_state doctor_run(const char *socket, const struct output *output, const char *file);

__attribute__((format(printf, 4, 5))) void doctor_say(
	struct doctor *doctor, enum doctor_state state, const char *mend, const char *format, ...);

const char *doctor_privileged(const struct doctor *doctor);
long doctor_read_sysctl(const char *name);
bool doctor_has_inner_maps(const struct doctor *doctor);
bool doctor_is_outside(const struct doctor *doctor, unsigned interface);

void check_daemon(struct doctor *doctor);
void check_queue(struct doctor *doctor);
void check_counters(struct doctor *doctor);
void check_conntrack(struct doctor *doctor);
void check_namespace(struct doctor *doctor);
void check_interfaces(struct doctor *doctor);
void check_reverse_path(struct doctor *doctor);
void check_rate(struct doctor *doctor);
void check_limits(struct doctor *doctor);
void check_sending(struct doctor *doctor);
void check_reload(struct doctor *doctor);
void check_twin(struct doctor *doctor);
void check_ipsec(struct doctor *doctor);
void check_rules(struct doctor *doctor);
void check_new_flow(struct doctor *doctor);
void check_established_flow(struct doctor *doctor);
void check_stateless(struct doctor *doctor);
void check_addresses(struct doctor *doctor);
void check_need(struct doctor *doctor);

#endif
