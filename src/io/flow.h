/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Connection tracking: the tuples of the flow that a packet belongs to, asked
 * for by ctnetlink or read from an entry that the kernel attached. Read only.
 */
#ifndef IO_FLOW_H
#define IO_FLOW_H

#include <stdbool.h>

#include "core/flow.h"

struct nlattr;
struct flow_socket;

#define FLOW_QUESTIONS_MAX 64 /* in one batch */
#define FLOW_DEADLINE	   20 /* milliseconds that a batch may wait for answers */

/* A question for the flow of one packet, and the answer. */
struct flow_question {
	struct flow_tuple seen; /* the packet's */
	int error;		/* 0: flow is filled in; ENOENT: there is none; else why it is unknown */
	struct flow flow;
};

struct flow_socket *flow_open(void);
void flow_close(struct flow_socket *flows);
void flow_lookup(struct flow_socket *flows, struct flow_question *questions, unsigned n);
bool flow_read_attached(const struct nlattr *attached, struct flow *flow);
int flow_probe(struct flow_socket *flows);

#endif
