/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * All workers, the policy that they decide by, and whether they move.
 */
#ifndef ENGINE_WORKERS_H
#define ENGINE_WORKERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/policy.h"
#include "engine/worker.h"

struct workers {
	struct worker *worker; /* n of them */
	unsigned n;
	_Atomic(struct policy *) policy; /* the one in force */
	uint64_t *beats;		 /* of each worker, when last looked at */
};

static inline const struct policy *workers_policy(const struct workers *workers)
{
	return atomic_load(&workers->policy);
}

static inline const struct config *workers_config(const struct workers *workers)
{
	return workers_policy(workers)->config;
}

bool workers_init(struct workers *workers, struct policy *policy);
bool workers_start(struct workers *workers);
void workers_pause(struct workers *workers);
void workers_retire(struct workers *workers, int counters);
void workers_close(struct workers *workers);
void workers_fini(struct workers *workers);
void workers_enforce(struct workers *workers, struct policy *policy);
bool workers_move(struct workers *workers);
void workers_resume(struct workers *workers);

#endif
