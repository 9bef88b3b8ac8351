/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What each worker needs from the kernel before it can run: its queue and a socket for
 * conntrack. A queue that another program has left is taken over with all that waits in it; a
 * queue that no worker wants is ended, and lets its packets go.
 */
#include "daemon/queues.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/log.h"
#include "io/queue_counters.h"

/* Logs why a queue could not be bound. The kernel answers EPERM in two cases. */
static void log_queue_error(int counters, uint16_t number, int error)
{
	struct queue_counters c;

	if (error == EPERM && queue_counters_read(counters, number, &c))
		log_error("queue %u is taken by another program: stop it, or choose another queue.number",
			number);
	else if (error == EPERM)
		log_error("queue %u: not permitted: CAP_NET_ADMIN does not hold in this network namespace: "
			  "start icmpnatd as root of the host; or the queue is taken: choose another "
			  "queue.number",
			number);
	else
		log_error("queue %u: %s: load the module nfnetlink_queue, if this kernel has it", number,
			strerror(error));
}

static bool open_flows(struct worker *worker, enum decide_lookup lookup)
{
	worker->flows = flow_open();
	if (!worker->flows) {
		log_error(
			"cannot open a socket for conntrack: %s; load the module nfnetlink", strerror(errno));
		return false;
	}
	errno = lookup == LOOKUP_NEVER ? 0 : flow_probe(worker->flows);
	if (errno == EPERM)
		log_error("conntrack does not answer: CAP_NET_ADMIN does not hold in this network namespace: "
			  "start icmpnatd as root of the host");
	else if (errno)
		log_error("conntrack does not answer (%s): load nf_conntrack_netlink, or set lookup = "
			  "\"never\"",
			strerror(errno));
	return errno == 0;
}

/* Takes over a queue that another program has opened. If that has left no state, all that has
 * entered the queue so far is taken to be its affair. */
static bool adopt_queue(struct worker *worker, int socket, const struct queue_options *options, int counters)
{
	struct queue_counters c;

	if (queue_adopt(&worker->queue, socket, options, &worker->stats) < 0)
		return false;
	if (queue_counters_read(counters, options->number, &c))
		worker->queue.base_id = c.id_sequence;
	return true;
}

/* Ends a queue that no worker is going to serve; what waits there leaves as the kernel made it, unless it is
 * spare. */
static void end_queue(const char *name, int socket, int counters)
{
	struct queue_gate gate;

	if (!handover_is_queue(name, &gate) || !queue_gate_borrow(&gate, socket)) {
		close(socket);
		return;
	}
	queue_gate_retire(&gate);
	queue_gate_let_go(&gate, counters);
	queue_gate_close(&gate);
}

/* Opens a worker's queue, or takes it over if it was handed over and belongs to this network
 * namespace. False with errno. */
static bool open_queue(struct worker *worker, struct handover *handover, const char *name,
	const struct queue_options *options, int counters)
{
	const int inherited = handover_take(handover, name);

	if (inherited >= 0 && queue_gate_is_here(inherited))
		return adopt_queue(worker, inherited, options, counters);
	if (inherited >= 0) {
		handover_forget(handover, name, inherited);
		end_queue(name, inherited, counters);
	}
	return queue_open(&worker->queue, options, &worker->stats) == 0;
}

static void log_short_queue(const struct queue_gate *gate, uint32_t wanted)
{
	if (gate->length < wanted)
		log_warning(
			"queue %u: the kernel grants a receive buffer for %u packets only, so no more wait: "
			"raise net.core.rmem_max, or start in the initial user namespace",
			gate->number, gate->length);
}

static bool open_worker(
	struct worker *worker, const struct config *config, struct handover *handover, int counters)
{
	const struct queue_options options = {.number = (uint16_t)(config->queue.number + worker->number),
		.length = config->queue.length,
		.overload_pass = config->queue.overload_pass,
		.spare = config->audit,
		.attach_flows = config->lookup != LOOKUP_NEVER};
	char name[GUARD_NAME_MAX];

	handover_name_queue(name, &(struct queue_gate){.number = options.number, .spare = options.spare});
	if (!open_flows(worker, config->lookup))
		return false;
	if (!open_queue(worker, handover, name, &options, counters)) {
		log_queue_error(counters, options.number, errno);
		return false;
	}
	log_short_queue(&worker->queue.gate, options.length);
	if (handover_keep(handover, name, queue_gate_descriptor(&worker->queue.gate)))
		return true;
	log_error("the guard does not listen: %s; start icmpnatd again", strerror(errno));
	return false;
}

/* Gives each worker its queue and its socket for conntrack. counters is queue_counters_open()'s, or
 * -1. False after a message. */
bool queues_open(struct workers *workers, struct handover *handover, int counters)
{
	for (unsigned w = 0; w < workers->n; w++)
		if (!open_worker(&workers->worker[w], workers_config(workers), handover, counters))
			return false;
	return true;
}

/* Ends the queues that were handed over and that no worker has taken. */
void queues_end_rest(struct handover *handover, int counters)
{
	const char *name;

	while ((name = handover_next_queue(handover))) {
		const int socket = handover_take(handover, name);

		handover_forget(handover, name, socket);
		end_queue(name, socket, counters);
	}
}
