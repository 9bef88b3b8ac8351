/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One NFQUEUE: a batch of packets in, a batch of verdicts out. Knows netlink
 * and buffers, but not what a packet means.
 */
#ifndef IO_QUEUE_H
#define IO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/stats.h"
#include "io/queue_gate.h"

#define QUEUE_BATCH	 64   /* packets in one system call */
#define QUEUE_PACKET_MAX 2048 /* bytes; an ICMP error has at most 1280 (RFC 4443, 2.4c) */

struct nlattr;

struct queue_packet {
	uint8_t *bytes;		   /* from the outer IP header on; may be changed in place */
	uint32_t length;	   /* bytes that are here */
	bool whole;		   /* .. and they are the whole packet */
	uint32_t id;		   /* in host order */
	uint32_t interface;	   /* index of the one it leaves by; 0 if unknown */
	const struct nlattr *flow; /* NFQA_CT: the conntrack entry, or NULL */
};

struct queue_options {
	uint16_t number;
	uint32_t length;    /* packets that the kernel may park */
	bool overload_pass; /* a full queue passes packets instead of dropping them */
	bool spare;	    /* packets are copies of errors that have left */
	bool attach_flows;  /* ask for conntrack entries, where the kernel has them to give */
};

struct queue {
	struct queue_gate gate;
	bool attaches_flows; /* the kernel agreed to */
	int refused;	     /* errno of the last refused verdict; 0: none */
	uint32_t last_id;    /* id of the last packet received */
	uint32_t base_id;    /* id of the last packet that another program has received */
	bool adopted;	     /* another program has opened it */
	bool numbered;	     /* base_id and last_id are known; else the first packet tells */
	unsigned n_messages; /* in the batch: packets and answers, a buffer each */
	unsigned n_packets;
	struct queue_packet packets[QUEUE_BATCH];

	struct stats *stats;
	struct queue_buffers *buffers;
	uint32_t sequence; /* of the last message sent */
	uint32_t awaited;  /* sequence of a configuration message without an answer yet, or 0 */
	int answer;	   /* .. and the errno of its answer */
	uint32_t verdicts; /* bytes of verdicts to send */
	bool primed;	   /* packets came in while the queue was being opened */
};

int queue_open(struct queue *queue, const struct queue_options *options, struct stats *stats);
int queue_adopt(struct queue *queue, int fd, const struct queue_options *options, struct stats *stats);
void queue_number(struct queue *queue, uint32_t base_id, uint32_t last_id);
int queue_receive(struct queue *queue, bool wait);
void queue_accept(struct queue *queue, const struct queue_packet *packet);
void queue_rewrite(struct queue *queue, const struct queue_packet *packet);
void queue_drop(struct queue *queue, const struct queue_packet *packet);
void queue_flush(struct queue *queue);
void queue_close(struct queue *queue);

#endif
