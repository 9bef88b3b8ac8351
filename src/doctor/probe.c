/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The kernel emits an error, queues it and, after the verdict, sends it within the system calls that cause
 * each of these, so there is next to nothing to wait for.
 */
#include "doctor/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/checksum.h"
#include "io/clock.h"

#define PROBE_MAX 80
#define DATA	  16  /* bytes of each datagram */
#define PATIENCE  100 /* ms */

static void put_sum(uint8_t *field, uint64_t sum)
{
	uint16_t folded = (uint16_t)~checksum_fold(sum);

	if (folded == 0) /* which says "no sum" in UDP; both are the same number */
		folded = UINT16_MAX;
	memcpy(field, &folded, sizeof(folded));
}

static size_t put_header_v4(uint8_t *bytes, const struct probe *probe)
{
	memset(bytes, 0, 20);
	bytes[0] = 0x45;
	packet_put_be16(bytes + 2, 20 + 8 + DATA);
	bytes[8] = probe->hops;
	bytes[9] = IPPROTO_UDP;
	address_to_v4(probe->source, bytes + 12);
	address_to_v4(probe->destination, bytes + 16);
	put_sum(bytes + 10, checksum_add(0, bytes, 20));
	return 20;
}

static size_t put_header_v6(uint8_t *bytes, const struct probe *probe)
{
	memset(bytes, 0, 40);
	bytes[0] = 0x60;
	packet_put_be16(bytes + 4, 8 + DATA);
	bytes[6] = IPPROTO_UDP;
	bytes[7] = probe->hops;
	address_to_v6(probe->source, bytes + 8);
	address_to_v6(probe->destination, bytes + 24);
	return 40;
}

/* Writes the datagram of a probe. Returns its length in bytes. */
static size_t put_probe(uint8_t bytes[PROBE_MAX], const struct probe *probe)
{
	const bool v4 = address_is_v4(probe->source);
	const size_t header = v4 ? put_header_v4(bytes, probe) : put_header_v6(bytes, probe);
	const size_t addresses = v4 ? 8 : 32;
	const uint8_t pseudo[4] = {0, IPPROTO_UDP, 0, 8 + DATA};
	uint8_t *udp = bytes + header;
	uint64_t sum;

	memset(udp, 0, 8 + DATA);
	packet_put_be16(udp, probe->source_port);
	packet_put_be16(udp + 2, probe->destination_port);
	packet_put_be16(udp + 4, 8 + DATA);
	sum = checksum_add(0, bytes + header - addresses, addresses);
	put_sum(udp + 6, checksum_add(checksum_add(sum, pseudo, 4), udp, 8 + DATA));
	return header + 8 + DATA;
}

/* Binds the queues that are no worker's, as another program does on the host: it is taken for one that
 * accepts all. */
static void open_others(struct prober *prober, const struct config_queue *own, const struct holders *holders)
{
	for (size_t i = 0; i < holders->n && prober->n_others < PROBER_OTHERS_MAX; i++) {
		const struct queue_options options = {.number = holders->list[i].queue, .length = 64};

		if (options.number >= own->number && options.number - own->number < own->workers)
			continue;
		if (queue_open(&prober->others[prober->n_others], &options, &prober->worker.stats) == 0)
			prober->n_others++;
	}
}

/* Binds the queue of the twin, in which the caller is, and makes a worker as the daemon has them; binds those
 * of other programs as well. config must stay until prober_close(). Returns 0 or -1 with errno. */
int prober_open(
	struct prober *prober, struct config *config, const struct twin *twin, const struct holders *holders)
{
	const struct queue_options options = {
		.number = config->queue.number, .length = 64, .overload_pass = true, .attach_flows = true};
	struct worker *worker = &prober->worker;
	int error;

	*prober = (struct prober){
		.twin = twin, .counters = host_counters_open(), .policy = policy_new(config, 1)};
	worker->current = &prober->policy;
	worker->flows = flow_open();
	if (prober->policy && worker->flows && queue_open(&worker->queue, &options, &worker->stats) == 0) {
		open_others(prober, &config->queue, holders);
		return 0;
	}
	error = errno;
	prober_close(prober);
	errno = error;
	return -1;
}

/* Unbinds the queues. */
void prober_close(struct prober *prober)
{
	struct policy *policy = atomic_load(&prober->policy);

	for (size_t i = 0; i < prober->n_others; i++)
		queue_close(&prober->others[i]);
	worker_close(&prober->worker);
	host_counters_close(&prober->counters);
	if (policy)
		policy->config = NULL; /* it is the caller's */
	policy_free(policy);
}

/* Accepts all that is in the queues of others. Returns true if anything was. */
static bool serve_others(struct prober *prober)
{
	bool served = false;

	for (size_t i = 0; i < prober->n_others; i++) {
		struct queue *queue = &prober->others[i];

		while (queue_receive(queue, false) > 0) {
			for (unsigned k = 0; k < queue->n_packets; k++)
				queue_accept(queue, &queue->packets[k]);
			queue_flush(queue);
			served = true;
		}
	}
	return served;
}

/* Notes an error that is queued, as the kernel made it: that it goes to the probe's source must do, for its
 * inner packet may be translated. */
static void note_queued(const struct queue_packet *packet, const struct probe *probe, struct sight *sight)
{
	struct icmp_error error;

	if (icmp_error_parse(&error, packet->bytes, packet->length) != OUTCOME_UNDECIDED ||
		!address_equal(error.outer.destination, probe->source))
		return;
	sight->queued = true;
	sight->translated = !address_equal(error.inner.destination, probe->destination);
	sight->meant_for = packet->interface;
}

/* Serves the queue as the daemon would, which changes packets in place. */
static void serve_queue(struct prober *prober, const struct probe *probe, struct sight *sight)
{
	const struct queue *queue = &prober->worker.queue;

	while (queue_receive(&prober->worker.queue, false) > 0) {
		for (unsigned i = 0; i < queue->n_packets; i++)
			note_queued(&queue->packets[i], probe, sight);
		worker_serve(&prober->worker);
	}
}

/* Tells whether the quoted packet is the probe. One to a private address of the twin itself cannot come from
 * outside: there a map may say what it would have been. */
static bool is_quoted(const struct icmp_error *error, const uint8_t *bytes, const struct probe *probe)
{
	const struct packet *inner = &error->inner;

	return address_equal(inner->source, probe->source) &&
	       (address_equal(inner->destination, probe->destination) ||
		       (address_is_private(probe->destination) && !address_is_private(inner->destination))) &&
	       packet_quotes(inner, 0, 4) && packet_be16(bytes + inner->transport) == probe->source_port &&
	       packet_be16(bytes + inner->transport + 2) == probe->destination_port;
}

/* Reads what left by one link, and notes the error about the probe. Where copies of it leave for a sensor,
 * what counts is the one on the link that it is meant for. */
static void read_link(
	const struct prober *prober, size_t link, const struct probe *probe, struct sight *sight)
{
	const unsigned interface = twin_known_as(prober->twin, link, sight->meant_for);
	uint8_t bytes[UINT16_MAX];
	struct icmp_error error;
	ssize_t length;

	while ((length = read(prober->twin->ends[link].fd, bytes, sizeof(bytes))) > 0) {
		if (icmp_error_parse(&error, bytes, (size_t)length) != OUTCOME_UNDECIDED ||
			!address_equal(error.outer.destination, probe->source) ||
			(sight->left_by == sight->meant_for && interface != sight->meant_for))
			continue;
		sight->left_by = interface;
		sight->error = error;
		sight->right_quote = is_quoted(&error, bytes, probe);
		sight->quoted_port = packet_quotes(&error.inner, 0, 4)
					     ? packet_be16(bytes + error.inner.transport + 2)
					     : 0;
	}
}

/* Serves the queues, one of which may lead to the other, and reads what left by all links. */
static void prober_look(struct prober *prober, const struct probe *probe, struct sight *sight)
{
	do
		serve_queue(prober, probe, sight);
	while (serve_others(prober));
	for (size_t i = 0; i < prober->twin->n_links; i++)
		read_link(prober, i, probe, sight);
}

/* Lets a datagram come in by an interface, past the queues of others. */
void prober_write(struct prober *prober, unsigned interface, const struct probe *probe)
{
	uint8_t bytes[PROBE_MAX];
	const size_t length = put_probe(bytes, probe);

	if (interface == prober->vrf)
		interface = prober->port;
	for (size_t i = 0; i < prober->twin->n_links; i++)
		if (prober->twin->links[i].interface == interface &&
			write(prober->twin->ends[i].fd, bytes, length) < 0)
			return; /* a link that is down: nothing will be seen */
	serve_others(prober);
}

/* Watches for the error about a probe for a while, whatever else leaves meanwhile. */
static void prober_watch(struct prober *prober, const struct probe *probe, struct sight *sight)
{
	const int64_t end = clock_milliseconds() + PATIENCE;

	for (int64_t left = PATIENCE;; left = end - clock_milliseconds()) {
		prober_look(prober, probe, sight);
		if (left <= 0 || sight->left_by == sight->meant_for)
			return;
		poll(prober->twin->ends, prober->twin->n_links, (int)left);
	}
}

/* Lets a datagram come in by an interface, and watches for the error about it. */
void prober_send(struct prober *prober, unsigned interface, const struct probe *probe, struct sight *sight)
{
	const enum host_counter list = address_is_v4(probe->source) ? HOST_COUNTER_ICMP : HOST_COUNTER_ICMP6;
	const uint64_t made = host_counters_read_made(&prober->counters, list);

	*sight = (struct sight){.made = false};
	prober_look(prober, probe, sight); /* what is left of the last one */
	*sight = (struct sight){.meant_for = interface};
	prober_write(prober, interface, probe);
	prober_watch(prober, probe, sight);
	sight->made = host_counters_read_made(&prober->counters, list) != made;
}

/* Reads a datagram to the client that left; fills in its answer and the link. Returns false if none did. */
static bool read_opening(
	const struct prober *prober, struct address client, struct probe *answer, unsigned *interface)
{
	uint8_t bytes[UINT16_MAX];
	struct packet packet;
	ssize_t length;

	for (size_t i = 0; i < prober->twin->n_links; i++)
		while ((length = read(prober->twin->ends[i].fd, bytes, sizeof(bytes))) > 0) {
			if (packet_parse(&packet, bytes, 0, (size_t)length) != PACKET_OK ||
				packet.protocol != IPPROTO_UDP || !address_equal(packet.destination, client))
				continue;
			*answer = (struct probe){.source = client,
				.destination = packet.source,
				.source_port = packet_be16(bytes + packet.transport + 2),
				.destination_port = packet_be16(bytes + packet.transport),
				.hops = 64};
			*interface = twin_known_as(prober->twin, i, *interface);
			return true;
		}
	return false;
}

/* An IP address and a port, of either family. */
union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union socket_address make_address(struct address a, unsigned port)
{
	union socket_address made = {.v6 = {.sin6_family = AF_INET6}};

	if (address_is_v4(a)) {
		made.v4 = (struct sockaddr_in){.sin_family = AF_INET};
		address_to_v4(a, (uint8_t *)&made.v4.sin_addr);
	} else {
		address_to_v6(a, (uint8_t *)&made.v6.sin6_addr);
	}
	packet_put_be16((uint8_t *)&made.v4.sin_port, port); /* the same place in both */
	return made;
}

/* Connects a UDP socket to the client, from an address of the twin (NULL: any), in a VRF (0: none). Returns
 * it, or -1. */
static int connect_from_twin(struct address client, const struct address *from, unsigned vrf)
{
	/* NTP: few firewalls keep their own questions about the time in. */
	const union socket_address to = make_address(client, 123);
	const union socket_address own = make_address(from ? *from : client, 0);
	int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && (!vrf || setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &vrf, sizeof(vrf)) == 0) &&
		(!from || bind(fd, &own.any, sizeof(own)) == 0) && connect(fd, &to.any, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Opens a flow from the twin to a client outside, which answers once: conntrack knows the flow then, and it
 * has no listener any more. Returns false if that failed; else *answer is the datagram that the client
 * would send next, and *interface the index of the one that it comes in by; if that is a port of the VRF that
 * *interface was, it stays. */
bool prober_be_opened(struct prober *prober, struct address client, const struct address *from,
	struct probe *answer, unsigned *interface)
{
	struct pollfd socket = {.fd = connect_from_twin(client, from, prober->vrf), .events = POLLIN};
	bool opened = false;

	if (socket.fd >= 0 && send(socket.fd, "", 1, 0) == 1) {
		serve_others(prober);
		opened = read_opening(prober, client, answer, interface);
	}
	if (opened) {
		prober_write(prober, *interface, answer);
		opened = poll(&socket, 1, PATIENCE) > 0;
	}
	close(socket.fd);
	return opened;
}
