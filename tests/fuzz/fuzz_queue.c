/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The reader of netlink messages of io/queue.c, and the verdicts that answer
 * them, against the kernel of kernel.c. Byte 0 chooses the options; byte 1 and
 * those that follow it (by turns) which verdict a packet gets; byte 4 on is the
 * script of the kernel.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>

#include "io/queue.h"
#include "kernel.h"

/* The verdicts of one batch, as the kernel gets them. */
static struct {
	unsigned n;
	uint32_t ids[QUEUE_BATCH];
	uint32_t lengths[QUEUE_BATCH]; /* of the packet in it; UINT32_MAX: none */
	uint32_t sums[QUEUE_BATCH];    /* of its bytes */
	bool ignored;		       /* what comes now is no verdict */
} sent;

static uint32_t sum_of(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

static void take_verdict(const struct nlmsghdr *message)
{
	const struct nlattr *a, *header = NULL, *payload = NULL;
	const struct nfqnl_msg_verdict_hdr *verdict;

	EXPECT(message->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT));
	mnl_attr_for_each(a, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) == NFQA_VERDICT_HDR)
			header = a;
		if (mnl_attr_get_type(a) == NFQA_PAYLOAD)
			payload = a;
	}
	EXPECT(header && sent.n < QUEUE_BATCH);
	verdict = mnl_attr_get_payload(header);
	EXPECT(ntohl(verdict->verdict) == NF_ACCEPT || (ntohl(verdict->verdict) == NF_DROP && !payload));
	sent.ids[sent.n] = ntohl(verdict->id);
	sent.lengths[sent.n] = payload ? mnl_attr_get_payload_len(payload) : UINT32_MAX;
	sent.sums[sent.n] =
		payload ? sum_of(mnl_attr_get_payload(payload), mnl_attr_get_payload_len(payload)) : 0;
	sent.n++;
}

/* For struct kernel: takes a send apart as the kernel does. */
static void taken(const void *bytes, size_t length)
{
	const struct nlmsghdr *message = bytes;
	int left = (int)length;

	if (sent.ignored)
		return;
	while (left > 0) {
		EXPECT(mnl_nlmsg_ok(message, left));
		take_verdict(message);
		message = mnl_nlmsg_next(message, &left);
	}
}

/* Whether a packet is one that the kernel sent, byte for byte. *next is the
 * first one that has not been seen; packets come in order. */
static void check_packet(const struct queue_packet *packet, size_t *next)
{
	const struct kernel_packet *original = &kernel.packets[*next];

	EXPECT(packet->length <= QUEUE_PACKET_MAX);
	if (kernel.raw)
		return;
	EXPECT(*next < kernel.n_packets && packet->id == original->id && packet->whole);
	EXPECT(packet->length == original->length && packet->interface == original->interface);
	EXPECT(packet->length == 0 || memcmp(packet->bytes, original->bytes, packet->length) == 0);
	EXPECT(!packet->flow == !original->attached);
	EXPECT(!packet->flow || mnl_attr_get_u32(packet->flow) == original->id);
	++*next;
}

enum { ACCEPT, DROP, REWRITE, SHORTEN };

/* Gives a verdict; what the kernel must get is put into the arrays at i. */
static void decide(
	struct queue *queue, struct queue_packet *packet, unsigned choice, uint32_t *length, uint32_t *sum)
{
	*length = UINT32_MAX;
	*sum = 0;
	if (choice == ACCEPT || (choice != DROP && !packet->bytes)) {
		queue_accept(queue, packet);
	} else if (choice == DROP) {
		queue_drop(queue, packet);
	} else {
		packet->length -= choice == SHORTEN ? packet->length / 3 : 0;
		for (uint32_t i = 0; i < packet->length; i++)
			packet->bytes[i] ^= 0x55;
		*length = packet->length;
		*sum = sum_of(packet->bytes, packet->length);
		queue_rewrite(queue, packet);
	}
}

/* One verdict for each packet of the batch; the kernel gets them in order,
 * except for those whose send failed. */
static void serve(struct queue *queue, const uint8_t choices[3], size_t *next)
{
	uint32_t lengths[QUEUE_BATCH], sums[QUEUE_BATCH];
	const uint64_t unsent = stats_get(queue->stats, STATS_VERDICT_UNSENT);
	unsigned at = 0;

	for (unsigned i = 0; i < queue->n_packets; i++) {
		check_packet(&queue->packets[i], next);
		decide(queue, &queue->packets[i], choices[i % 3] >> i / 3 % 4 * 2 & 3, &lengths[i], &sums[i]);
	}
	EXPECT(queue->verdicts <= QUEUE_BATCH * (QUEUE_PACKET_MAX + 64));
	sent.n = 0;
	queue_flush(queue);
	EXPECT(sent.n + stats_get(queue->stats, STATS_VERDICT_UNSENT) - unsent == queue->n_packets);
	for (unsigned i = 0; i < sent.n; i++, at++) {
		while (at < queue->n_packets &&
			(queue->packets[at].id != sent.ids[i] || lengths[at] != sent.lengths[i] ||
				sums[at] != sent.sums[i]))
			at++;
		EXPECT(at < queue->n_packets);
	}
}

/* Every message is counted once: as a packet, or as what it was. */
static void check_counters(const struct stats *stats, uint64_t packets)
{
	EXPECT(stats_get(stats, STATS_QUEUE_RECEIVED) == packets);
	EXPECT(stats_get(stats, STATS_VERDICT_ACCEPTED) + stats_get(stats, STATS_VERDICT_REWRITTEN) +
			stats_get(stats, STATS_VERDICT_DROPPED) ==
		packets);
	EXPECT(kernel.raw || stats_get(stats, STATS_QUEUE_BAD_MESSAGE) == 0);
}

static void serve_all(struct queue *queue, const uint8_t choices[3])
{
	uint64_t packets = 0;
	size_t next = 0;
	int n;

	do {
		n = queue_receive(queue, kernel.script.next[0] & 1);
		EXPECT(n >= -1 && n <= QUEUE_BATCH && (n < 0 || (unsigned)n == queue->n_packets));
		if (n > 0)
			serve(queue, choices, &next);
		packets += n > 0 ? (uint64_t)n : 0;
	} while (n > 0 || !kernel_is_at_end());
	EXPECT(kernel.raw || next == kernel.n_packets);
	check_counters(queue->stats, packets);
	sent.ignored = true;
	queue_gate_wake(&queue->gate);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static uint8_t bytes[8192];
	static struct queue queue;
	struct stats stats = {0};
	struct script script = {bytes, bytes + size};
	uint8_t choices[3];
	struct queue_options options = {.number = 7, .length = 1024};

	if (size >= sizeof(bytes))
		return 0;
	memset(bytes + size, 0, 1);
	if (size)
		memcpy(bytes, input, size);
	options.overload_pass = bytes[0] & 1;
	options.attach_flows = bytes[0] & 2;
	script_byte(&script);
	script_copy(&script, choices, sizeof(choices));
	kernel_start(script);
	kernel.taken = taken;
	sent.ignored = true;
	if (queue_open(&queue, &options, &stats) < 0)
		return 0;
	sent.ignored = false;
	serve_all(&queue, choices);
	queue_close(&queue);
	return 0;
}
