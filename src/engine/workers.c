/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What is done to all workers at once, by the main thread. Their queues and flow
 * sockets are opened elsewhere (daemon/queues.c).
 */
#include "engine/workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/log.h"

/* Makes the workers that a policy's configuration asks for; none runs yet. Takes the policy over.
 * False, and the policy still the caller's, if there is no memory. */
bool workers_init(struct workers *workers, struct policy *policy)
{
	const unsigned n = policy->config->queue.workers;
	const size_t size = n * sizeof(struct worker);

	*workers = (struct workers){.worker = aligned_alloc(_Alignof(struct worker), size),
		.n = n,
		.beats = calloc(n, sizeof(*workers->beats))};
	if (!workers->worker || !workers->beats) {
		free(workers->worker);
		free(workers->beats);
		return false;
	}
	memset(workers->worker, 0, size);
	atomic_store(&workers->policy, policy);
	for (unsigned w = 0; w < n; w++) {
		workers->worker[w].number = w;
		workers->worker[w].current = &workers->policy;
	}
	return true;
}

/* Starts the threads. False after a message. */
bool workers_start(struct workers *workers)
{
	for (unsigned w = 0; w < workers->n; w++)
		if (worker_start(&workers->worker[w], workers->n > 1) < 0) {
			log_error("cannot start a thread: %s; raise the limit of processes, or lower "
				  "queue.workers",
				strerror(errno));
			return false;
		}
	return true;
}

/* Stops the threads at once. What the kernel has queued waits for workers_start(). */
void workers_pause(struct workers *workers)
{
	for (unsigned w = 0; w < workers->n; w++)
		worker_end(&workers->worker[w], WORKER_PAUSE);
	for (unsigned w = 0; w < workers->n; w++)
		worker_join(&workers->worker[w]);
}

/* Has each worker answer for what the kernel has queued for it, and end then: workers_close() waits
 * for that. Where no thread runs, because a start has failed, packets leave as the kernel made them.
 * counters is queue_counters_open()'s, or -1. */
void workers_retire(struct workers *workers, int counters)
{
	for (unsigned w = 0; w < workers->n; w++) {
		struct worker *worker = &workers->worker[w];

		if (worker->running) {
			worker_end(worker, WORKER_DRAIN);
		} else if (worker->queue.gate.socket) {
			queue_gate_retire(&worker->queue.gate);
			queue_gate_let_go(&worker->queue.gate, counters);
		}
	}
}

/* Waits until the workers, which were told to end, have ended, and closes their sockets. */
void workers_close(struct workers *workers)
{
	for (unsigned w = 0; w < workers->n; w++)
		worker_close(&workers->worker[w]);
}

/* Frees closed workers and the policy in force. */
void workers_fini(struct workers *workers)
{
	policy_free(atomic_load(&workers->policy));
	free(workers->worker);
	free(workers->beats);
}

/* Puts a policy in force, which it takes over. Frees the old one when no worker decides by it
 * any more; waits for that. */
void workers_enforce(struct workers *workers, struct policy *policy)
{
	struct policy *old = atomic_exchange(&workers->policy, policy);

	for (unsigned w = 0; w < workers->n; w++)
		worker_wait_for_release(&workers->worker[w], old);
	policy_free(old);
}

/* Tells whether every worker has moved since this was last called, and wakes each, so
 * that it has a reason to move until the next call. */
bool workers_move(struct workers *workers)
{
	bool well = true;

	for (unsigned w = 0; w < workers->n; w++) {
		struct worker *worker = &workers->worker[w];
		uint64_t beats = atomic_load(&worker->beats);

		well = well && beats != workers->beats[w];
		workers->beats[w] = beats;
		queue_gate_wake(&worker->queue.gate);
	}
	return well;
}

/* Lets packets enter all queues again, after the guard has retired them. */
void workers_resume(struct workers *workers)
{
	for (unsigned w = 0; w < workers->n; w++)
		queue_gate_resume(&workers->worker[w].queue.gate);
}
