/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The way of a batch of packets: queue_receive() fills it, decide_begin() reads each packet, flow_lookup()
 * asks about all that want their flow, decide_finish() edits in place, verdicts are appended in order, and
 * queue_flush() sends them. There is no lock, log or allocation on the way, no question to conntrack whose
 * answer could change nothing, and where many errors come, no wake-up for each of them.
 */
#define _GNU_SOURCE
#include "engine/worker.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "core/decide.h"
#include "io/clock.h"

#define CLOSE_MICROSECONDS  50	/* two errors that come closer than this may wait for others */
#define GATHER_MICROSECONDS 200 /* how long they wait; the kernel adds its timer slack */

/* Returns the maps for errors that leave by an interface; NULL if it is not an outside interface. */
static const struct addrmap *find_maps(const struct policy *policy, unsigned interface)
{
	const struct config *config = policy->config;

	for (size_t i = 0; i < config->n_outside && interface; i++)
		if (atomic_load_explicit(&policy->interfaces[i], memory_order_relaxed) == interface)
			return config->outside[i].maps;
	return NULL;
}

static void log_failed_lookup(struct worker *worker, int error)
{
	unsigned withheld;

	if (log_allowed(&worker->failed_limit, &withheld))
		log_warning("conntrack did not answer (%s): the maps were applied; %u more times since the "
			    "last line; run icmpnatctl doctor",
			strerror(error), withheld);
}

static void count_hit(_Atomic uint64_t *hits, uint32_t map)
{
	if (map != ADDRMAP_NONE)
		stats_increase(&hits[map], 1);
}

static void count(struct worker *worker, _Atomic uint64_t *hits, const struct decision *d)
{
	stats_add(&worker->stats, STATS_OUTCOME + d->outcome, 1);
	if (d->sound)
		stats_add(&worker->stats, STATS_TYPE + d->error.type, 1);
	if (!d->translated)
		return;
	count_hit(hits, d->outer_map);
	count_hit(hits, d->source_map);
	count_hit(hits, d->destination_map);
}

/* A batch while it is served: what is decided about each packet, and the questions to conntrack that must
 * be answered before that. */
struct batch {
	const struct policy *policy;
	struct decide_rules rules;
	uint32_t interface; /* the one that rules.maps belong to */
	_Atomic uint64_t *hits;
	struct decision decisions[QUEUE_BATCH];
	struct flow_question questions[QUEUE_BATCH];
	unsigned asks[QUEUE_BATCH]; /* the packet that a question is about */
	unsigned n_questions;
};

_Static_assert(QUEUE_BATCH <= FLOW_QUESTIONS_MAX, "a batch may have a question about each packet");

/* Decides about a packet, or notes the question to conntrack that must be answered first. */
static void begin_packet(struct worker *worker, struct batch *batch, unsigned i)
{
	const struct queue_packet *packet = &worker->queue.packets[i];
	struct decision *d = &batch->decisions[i];
	struct flow flow;

	if (!packet->whole) {
		*d = (struct decision){.outcome = OUTCOME_OVERSIZE};
		return;
	}
	if (packet->interface != batch->interface) {
		batch->interface = packet->interface;
		batch->rules.maps = find_maps(batch->policy, packet->interface);
	}
	decide_begin(d, &batch->rules, packet->bytes, packet->length);
	if (!d->wants_flow) {
		decide_finish(d, NULL, packet->bytes);
	} else if (packet->flow && flow_read_attached(packet->flow, &flow)) {
		stats_add(&worker->stats, STATS_FLOW_ATTACHED, 1);
		decide_finish(d, &flow, packet->bytes);
	} else {
		batch->questions[batch->n_questions].seen = d->seen;
		batch->asks[batch->n_questions++] = i;
	}
}

/* Asks conntrack all questions of the batch at once, and decides about their packets. */
static void ask_questions(struct worker *worker, struct batch *batch)
{
	if (batch->n_questions)
		flow_lookup(worker->flows, batch->questions, batch->n_questions);
	for (unsigned k = 0; k < batch->n_questions; k++) {
		const struct flow_question *question = &batch->questions[k];
		const unsigned i = batch->asks[k];
		enum stats_counter counter = STATS_FLOW_FOUND;

		if (question->error)
			counter = question->error == ENOENT ? STATS_FLOW_NOT_FOUND : STATS_FLOW_FAILED;
		if (counter == STATS_FLOW_FAILED)
			log_failed_lookup(worker, question->error);
		stats_add(&worker->stats, counter, 1);
		decide_finish(&batch->decisions[i], question->error ? NULL : &question->flow,
			worker->queue.packets[i].bytes);
	}
}

/* Counts the decision about a packet and appends the verdict. */
static void finish_packet(struct worker *worker, const struct batch *batch, unsigned i)
{
	struct queue_packet *packet = &worker->queue.packets[i];
	const struct decision *d = &batch->decisions[i];

	count(worker, batch->hits, d);
	if (worker->queue.gate.spare) {
		queue_drop(&worker->queue, packet);
	} else if (d->modified) {
		packet->length = (uint32_t)d->length;
		queue_rewrite(&worker->queue, packet);
	} else if (outcome_fate(d->outcome) == FATE_MALFORMED &&
		   !batch->policy->config->queue.malformed_pass) {
		queue_drop(&worker->queue, packet);
	} else {
		queue_accept(&worker->queue, packet);
	}
}

/* Marks the policy in force as held, so that the main thread does not free it. The second look makes sure
 * that the main thread, if it replaced the policy in between, saw the mark. */
static const struct policy *hold_policy(struct worker *worker)
{
	struct policy *policy;

	do {
		policy = atomic_load(worker->current);
		atomic_store(&worker->held, policy);
	} while (policy != atomic_load(worker->current));
	return policy;
}

static void begin_batch(struct worker *worker, struct batch *batch)
{
	const struct policy *policy = hold_policy(worker);
	const struct config *config = policy->config;

	batch->policy = policy;
	batch->rules = config_decide_rules(config);
	batch->interface = 0; /* no interface has this index */
	batch->hits = policy->hits + worker->number * config->n_entries;
	batch->n_questions = 0;
}

/* Serves the packets that queue_receive() has put into the worker's queue, by the
 * policy in force: decides about each, edits its bytes in place, counts, and sends
 * the verdicts. Needs no thread. Until the next queue_receive(), worker->queue.packets
 * are the packets as they left. */
void worker_serve(struct worker *worker)
{
	struct batch batch;

	begin_batch(worker, &batch);
	for (unsigned i = 0; i < worker->queue.n_packets; i++)
		begin_packet(worker, &batch, i);
	ask_questions(worker, &batch);
	for (unsigned i = 0; i < worker->queue.n_packets; i++)
		finish_packet(worker, &batch, i);
	atomic_store(&worker->held, NULL);
	queue_flush(&worker->queue);
}

static void log_refused_verdict(struct worker *worker)
{
	unsigned withheld;

	if (log_allowed(&worker->refused_limit, &withheld))
		log_warning("queue %u: the kernel refused a verdict: %s; icmpnatctl stats --explain says how "
			    "many, and what became of them",
			worker->queue.gate.number, strerror(worker->queue.refused));
	worker->queue.refused = 0;
}

/* Logs that nothing can be received, and sleeps, so that the worker does not spin while that lasts. */
static void log_receive_error(struct worker *worker)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
	int error = errno;
	unsigned withheld;

	if (log_allowed(&worker->receive_limit, &withheld))
		log_error("queue %u: cannot receive packets: %s; if it lasts, restart the daemon",
			worker->queue.gate.number, strerror(error));
	nanosleep(&pause, NULL);
}

/* Sleeps for a moment behind a batch of n packets if they came close to one another, so that more gather for
 * the next batch: a wake-up costs more than to serve an error. An error that comes alone does not wait.
 * Call it behind a batch that was not full: behind a full one more is waiting already. */
static void gather(struct worker *worker, int n)
{
	const struct timespec pause = {.tv_nsec = GATHER_MICROSECONDS * 1000};
	const int64_t now = clock_microseconds(), since = now - worker->last_batch;

	worker->last_batch = now;
	if (since < (int64_t)n * CLOSE_MICROSECONDS)
		nanosleep(&pause, NULL);
}

/* The thread of a worker: serves until the order says otherwise. */
static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	enum worker_order order;
	int n;

	do {
		atomic_fetch_add_explicit(&worker->beats, 1, memory_order_relaxed);
		order = atomic_load(&worker->order);
		n = queue_receive(&worker->queue, order == WORKER_SERVE);
		if (n > 0)
			worker_serve(worker);
		if (n > 0 && n < QUEUE_BATCH)
			gather(worker, n);
		if (n < 0)
			log_receive_error(worker);
		if (worker->queue.refused)
			log_refused_verdict(worker);
	} while (order == WORKER_SERVE || (order == WORKER_DRAIN && worker->queue.n_messages > 0));
	return NULL;
}

/* Ties the worker to one of the processors that the process may use: the one from which nft's fanout fills
 * its queue. A failure is no error. */
static void pin_to_processor(const struct worker *worker)
{
	cpu_set_t allowed, one;
	unsigned nth;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	nth = worker->number % (unsigned)CPU_COUNT(&allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && nth-- == 0) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			pthread_setaffinity_np(worker->thread, sizeof(one), &one);
			return;
		}
}

/* Starts the thread of a worker whose queue and flow socket are open; pin ties it to a processor.
 * Returns 0 or -1 with errno. */
int worker_start(struct worker *worker, bool pin)
{
	atomic_store(&worker->order, WORKER_SERVE);
	errno = pthread_create(&worker->thread, NULL, worker_run, worker);
	if (errno)
		return -1;
	worker->running = true;
	if (pin)
		pin_to_processor(worker);
	return 0;
}

/* Tells the worker to end, at once (WORKER_PAUSE) or when it has answered for all that the kernel has
 * queued (WORKER_DRAIN): then the queue is closed to new packets first, or some would come behind
 * the last that the worker looks for. */
void worker_end(struct worker *worker, enum worker_order order)
{
	if (order == WORKER_DRAIN)
		queue_gate_retire(&worker->queue.gate);
	atomic_store(&worker->order, order);
	queue_gate_wake(&worker->queue.gate);
}

/* Waits for a worker that was told to end. Returns at once if it does not run. */
void worker_join(struct worker *worker)
{
	if (worker->running)
		pthread_join(worker->thread, NULL);
	worker->running = false;
}

/* Waits for a worker that was told to end, and closes its queue and its flow socket. */
void worker_close(struct worker *worker)
{
	worker_join(worker);
	queue_close(&worker->queue);
	flow_close(worker->flows);
}

/* Waits until no batch is being decided by a policy that is no longer in force. */
void worker_wait_for_release(const struct worker *worker, const struct policy *policy)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000};

	while (atomic_load(&worker->held) == policy)
		nanosleep(&pause, NULL);
}
