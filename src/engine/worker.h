/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One worker: a queue, a thread that serves it, and the way of a packet from one end to the other.
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/flow.h"
#include "io/log.h"
#include "io/queue.h"
#include "engine/policy.h"
#include "core/stats.h"

/* What a worker is told. */
enum worker_order {
	WORKER_SERVE,
	WORKER_DRAIN, /* answer for all that is queued, then end */
	WORKER_PAUSE, /* end at once; what is queued waits */
};

struct worker {
	unsigned number;
	struct queue queue;
	struct flow_socket *flows;
	struct stats stats;
	_Atomic(struct policy *) *current; /* where the policy in force is found */
	_Atomic(struct policy *) held;	   /* the one that a batch is being decided by, or NULL */
	_Atomic uint64_t beats;		   /* batches begun: what the watchdog looks at */
	_Atomic enum worker_order order;
	int64_t last_batch; /* when it came, in microseconds of clock.h */
	bool running;
	pthread_t thread;
	struct log_limit refused_limit, failed_limit, receive_limit;
};

int worker_start(struct worker *worker, bool pin);
void worker_serve(struct worker *worker);
void worker_end(struct worker *worker, enum worker_order order);
void worker_join(struct worker *worker);
void worker_close(struct worker *worker);
void worker_wait_for_release(const struct worker *worker, const struct policy *policy);

#endif
