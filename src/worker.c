/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a packet: queue_receive() fills a batch, decide() reads, asks
 * flow_lookup() and edits in place, a verdict is appended, and queue_flush()
 * sends the batch. No lock, log or allocation on the way, and no
 * question to conntrack whose answer could change nothing.
 */
#define _GNU_SOURCE
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "core/decide.h"

/* The maps for errors that leave by an interface; NULL if it is not outside. */
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
			    "last line",
			strerror(error), withheld);
}

/* A worker and the packet that it has in hand. */
struct task {
	struct worker *worker;
	const struct queue_packet *packet;
};

/* Finds the flow that the quoted packet belongs to: the attached entry if there
 * is one, else by asking. */
static bool find_flow(void *context, const struct icmp_error *error, const uint8_t *bytes, struct flow *flow)
{
	const struct task *task = context;
	enum stats_counter counter = STATS_FLOW_NOT_FOUND;
	struct flow_tuple seen;

	if (task->packet->flow && flow_read_attached(task->packet->flow, flow))
		counter = STATS_FLOW_ATTACHED;
	else if (flow_tuple_read(&seen, error, bytes))
		switch (flow_lookup(task->worker->flows, &seen, flow)) {
		case FLOW_FOUND:
			counter = STATS_FLOW_FOUND;
			break;
		case FLOW_FAILED:
			counter = STATS_FLOW_FAILED;
			log_failed_lookup(task->worker, errno);
			break;
		case FLOW_NOT_FOUND:
			break;
		}
	stats_add(&task->worker->stats, counter, 1);
	return counter == STATS_FLOW_ATTACHED || counter == STATS_FLOW_FOUND;
}

static void count_hit(const struct worker *worker, const struct policy *policy, uint32_t map)
{
	_Atomic uint64_t *hits = policy->hits + worker->number * policy->config->n_entries;

	if (map != ADDRMAP_NONE)
		stats_increase(&hits[map], 1);
}

static void count(struct worker *worker, const struct policy *policy, const struct decision *d)
{
	stats_add(&worker->stats, STATS_OUTCOME + d->outcome, 1);
	if (d->sound)
		stats_add(&worker->stats, STATS_TYPE + d->error.type, 1);
	if (d->translated) {
		count_hit(worker, policy, d->translation.outer_map);
		count_hit(worker, policy, d->translation.source_map);
		count_hit(worker, policy, d->translation.destination_map);
	}
}

static void decide_packet(struct decision *d, struct worker *worker, const struct policy *policy,
	const struct queue_packet *packet)
{
	struct task task = {worker, packet};
	const struct decide_rules rules = {
		.maps = find_maps(policy, packet->interface),
		.lookup = policy->config->lookup,
		.extensions = policy->config->extensions,
		.find_flow = find_flow,
		.context = &task,
	};

	if (packet->whole)
		decide(d, &rules, packet->bytes, packet->length);
	else
		*d = (struct decision){.outcome = OUTCOME_OVERSIZE};
}

static void handle(struct worker *worker, const struct policy *policy, struct queue_packet *packet)
{
	struct decision d;

	decide_packet(&d, worker, policy, packet);
	count(worker, policy, &d);
	if (d.modified) {
		packet->length = (uint32_t)d.length;
		queue_rewrite(&worker->queue, packet);
	} else if (outcome_fate(d.outcome) == FATE_MALFORMED && !policy->config->queue.malformed_pass) {
		queue_drop(&worker->queue, packet);
	} else {
		queue_accept(&worker->queue, packet);
	}
}

/* Takes hold of the policy in force. The second look makes sure that the main
 * thread, if it replaced the policy in between, saw that this one is held. */
static const struct policy *hold_policy(struct worker *worker)
{
	struct policy *policy;

	do {
		policy = atomic_load(worker->current);
		atomic_store(&worker->held, policy);
	} while (policy != atomic_load(worker->current));
	return policy;
}

static void serve_batch(struct worker *worker)
{
	const struct policy *policy = hold_policy(worker);

	for (unsigned i = 0; i < worker->queue.n_packets; i++)
		handle(worker, policy, &worker->queue.packets[i]);
	atomic_store(&worker->held, NULL);
	queue_flush(&worker->queue);
}

static void log_refused_verdict(struct worker *worker)
{
	unsigned withheld;

	if (log_allowed(&worker->refused_limit, &withheld))
		log_warning("queue %u: the kernel refused a verdict: %s; see icmpnatctl stats for how many",
			worker->queue.number, strerror(worker->queue.refused));
	worker->queue.refused = 0;
}

/* Nothing can be received for now; does not spin while that lasts. */
static void log_receive_error(struct worker *worker)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
	int error = errno;
	unsigned withheld;

	if (log_allowed(&worker->receive_limit, &withheld))
		log_error("queue %u: receiving packets: %s", worker->queue.number, strerror(error));
	nanosleep(&pause, NULL);
}

/* Serves until told to stop, and then what the kernel has already handed over. */
static void *run(void *argument)
{
	struct worker *worker = argument;
	bool stop;
	int n;

	do {
		atomic_fetch_add_explicit(&worker->beats, 1, memory_order_relaxed);
		stop = atomic_load(&worker->stop);
		n = queue_receive(&worker->queue, !stop);
		if (n > 0)
			serve_batch(worker);
		if (n < 0)
			log_receive_error(worker);
		if (worker->queue.refused)
			log_refused_verdict(worker);
	} while (!stop || n > 0);
	return NULL;
}

/* Ties the worker to a processor of those that the process may use, the same
 * one as nft's fanout gives its queue. Failing to is no error. */
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

/* Starts the thread of a worker whose queue and flow socket are open. Returns 0
 * or -1 with errno. */
int worker_start(struct worker *worker, bool pin)
{
	errno = pthread_create(&worker->thread, NULL, run, worker);
	if (errno)
		return -1;
	worker->running = true;
	if (pin)
		pin_to_processor(worker);
	return 0;
}

/* Tells the worker to finish what the kernel has for it; new packets pass by. */
void worker_retire(struct worker *worker)
{
	if (!worker->running)
		return;
	atomic_store(&worker->stop, true);
	queue_retire(&worker->queue);
}

/* Waits for a worker that was told to finish, and closes its sockets. */
void worker_stop(struct worker *worker)
{
	if (worker->running) {
		pthread_join(worker->thread, NULL);
		worker->running = false;
	}
	if (worker->queue.socket)
		queue_close(&worker->queue);
	flow_close(worker->flows);
	worker->flows = NULL;
}

/* Returns when no batch is being decided by a policy that is no longer in force. */
void worker_wait_for_release(const struct worker *worker, const struct policy *policy)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000};

	while (atomic_load(&worker->held) == policy)
		nanosleep(&pause, NULL);
}
