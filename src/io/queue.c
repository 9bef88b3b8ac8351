/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * NFQUEUE over libmnl and, for the configuration, the message half of libnetfilter_queue. A batch costs one
 * recvmmsg() and one sendto(), however many packets are in it; nothing is allocated once a queue is open.
 * Verdicts are sent in the order of the packets' ids, because the kernel looks each up from the head of its
 * list.
 */
#define _GNU_SOURCE
#include "io/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/netlink.h"

#define MESSAGE_MAX  4096 /* a packet of QUEUE_PACKET_MAX with all attributes, or an error */
#define VERDICT_MAX  (QUEUE_PACKET_MAX + 64)
#define KERNEL_TRUTH 2304 /* bytes of receive buffer that a queued message is charged for */

/* What the kernel writes, and what is written for it. */
struct queue_buffers {
	_Alignas(8) char in[QUEUE_BATCH][MESSAGE_MAX];
	_Alignas(8) char out[QUEUE_BATCH * VERDICT_MAX];
	struct mmsghdr headers[QUEUE_BATCH];
	struct iovec parts[QUEUE_BATCH];
};

static struct queue_buffers *buffers_new(void)
{
	struct queue_buffers *b = calloc(1, sizeof(*b));

	for (unsigned i = 0; b && i < QUEUE_BATCH; i++) {
		b->parts[i] = (struct iovec){b->in[i], MESSAGE_MAX};
		b->headers[i].msg_hdr.msg_iov = &b->parts[i];
		b->headers[i].msg_hdr.msg_iovlen = 1;
	}
	return b;
}

/* Sorts the answer to a verdict that the kernel refused into its counter. */
static void count_refusal(struct queue *queue, int error)
{
	enum stats_counter counter = STATS_VERDICT_REFUSED_OTHER;

	if (error == ENOENT)
		counter = STATS_VERDICT_REFUSED_GONE;
	else if (error == EPERM)
		counter = STATS_VERDICT_REFUSED_PERMISSION;
	else if (error == ENOMEM || error == ENOBUFS)
		counter = STATS_VERDICT_REFUSED_MEMORY;
	stats_add(queue->stats, counter, 1);
	queue->refused = error;
}

/* Takes an NLMSG_ERROR: an acknowledgement that was asked for, or a refused verdict, which the kernel
 * reports unasked. */
static void take_queue_answer(struct queue *queue, const struct nlmsghdr *message)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*answer)) {
		stats_add(queue->stats, STATS_QUEUE_BAD_MESSAGE, 1);
	} else if (queue->awaited && answer->msg.nlmsg_seq == queue->awaited) {
		queue->awaited = 0;
		queue->answer = -answer->error;
	} else if (answer->error && answer->msg.nlmsg_seq) { /* 0: not waited for */
		count_refusal(queue, -answer->error);
	}
}

/* Returns the first 32 bits of an attribute, in host order; 0 if it is shorter, or NULL. */
static uint32_t read_be32(const struct nlattr *attribute)
{
	uint32_t value_be = 0;

	if (attribute && netlink_length(attribute) >= sizeof(value_be))
		memcpy(&value_be, attribute + 1, sizeof(value_be));
	return ntohl(value_be);
}

/* Reads a packet out of its message; false if it has no number, or is too long. */
static bool read_packet(struct queue_packet *packet, const struct nlmsghdr *message)
{
	const struct nlattr *found[NFQA_CAP_LEN + 1], *header, *payload;

	netlink_find_in(message, sizeof(struct nfgenmsg), found, NFQA_CAP_LEN + 1);
	header = found[NFQA_PACKET_HDR];
	payload = found[NFQA_PAYLOAD];
	if (!header || netlink_length(header) < sizeof(struct nfqnl_msg_packet_hdr))
		return false;
	packet->id = read_be32(header); /* its first field */
	packet->interface = read_be32(found[NFQA_IFINDEX_OUTDEV]);
	packet->flow = found[NFQA_CT];
	packet->bytes = payload ? (uint8_t *)(uintptr_t)(payload + 1) : NULL;
	packet->length = payload ? (uint32_t)netlink_length(payload) : 0;
	packet->whole = payload && !found[NFQA_CAP_LEN];
	return packet->length <= QUEUE_PACKET_MAX;
}

static void take_message(struct queue *queue, const struct nlmsghdr *message, size_t length)
{
	if (!netlink_is_whole(message, length))
		stats_add(queue->stats, STATS_QUEUE_BAD_MESSAGE, 1);
	else if (message->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) &&
		 read_packet(&queue->packets[queue->n_packets], message))
		queue->n_packets++;
	else if (message->nlmsg_type == NLMSG_ERROR)
		take_queue_answer(queue, message);
	else
		stats_add(queue->stats, STATS_QUEUE_BAD_MESSAGE, 1);
}

/* Tells an adopted queue which packets its last owner had received: base_id is the last id before the
 * daemon began to count, last_id the last one received. */
void queue_number(struct queue *queue, uint32_t base_id, uint32_t last_id)
{
	queue->base_id = base_id;
	queue->last_id = last_id;
	queue->numbered = true;
}

/* Counts the packets from the first of this receive on. The kernel numbers packets before it gives them to
 * the socket, so a gap in the numbers is what found no room there. What was numbered before the first packet
 * of an adopted queue was received by its last owner, which can no longer answer: those packets go. */
static void count_packets(struct queue *queue, unsigned first)
{
	uint32_t received = queue->n_packets - first, last;

	if (received == 0)
		return;
	if (!queue->numbered) {
		queue_number(queue, queue->packets[first].id - 1, queue->packets[first].id - 1);
		queue_gate_let_go_up_to(&queue->gate, queue->last_id);
	}
	last = queue->packets[queue->n_packets - 1].id;
	stats_add(queue->stats, STATS_QUEUE_RECEIVED, received);
	stats_add(queue->stats, STATS_QUEUE_MISSED, last - queue->last_id - received);
	queue->last_id = last;
}

/* Receives what is there and appends it to the batch. Returns as recvmmsg() does. */
static int receive_more(struct queue *queue, int flags)
{
	struct queue_buffers *b = queue->buffers;
	unsigned first = queue->n_messages, packets = queue->n_packets;
	int n = recvmmsg(
		mnl_socket_get_fd(queue->gate.socket), b->headers + first, QUEUE_BATCH - first, flags, NULL);

	for (int i = 0; i < n; i++)
		take_message(queue, (void *)b->in[first + i], b->headers[first + i].msg_len);
	queue->n_messages += n > 0 ? (unsigned)n : 0;
	count_packets(queue, packets);
	return n;
}

/* Fills queue->packets; wait says whether to wait for a message. Each packet must then get one verdict, in
 * order, before queue_flush(). Returns the number of packets, 0 if none was in what came (or nothing came and
 * wait is false), -1 with errno. */
int queue_receive(struct queue *queue, bool wait)
{
	if (queue->primed) {
		queue->primed = false;
		return (int)queue->n_packets;
	}
	queue->n_packets = queue->n_messages = 0;
	if (receive_more(queue, wait ? MSG_WAITFORONE : MSG_DONTWAIT) < 0 && errno != EAGAIN &&
		errno != EINTR)
		return -1;
	return (int)queue->n_packets;
}

/* A verdict as the kernel reads it; the new packet may follow as an attribute. */
struct verdict {
	struct nlmsghdr header;
	struct nfgenmsg family;
	struct nlattr attribute;
	struct nfqnl_msg_verdict_hdr verdict;
};

_Static_assert(sizeof(struct verdict) == 32, "a message has no holes");

/* Appends a verdict to the batch. more is the length of the attribute that will follow it, in bytes. */
static inline struct verdict *add_verdict(
	struct queue *queue, const struct queue_packet *packet, uint32_t verdict, uint32_t more)
{
	struct verdict *v = (void *)(queue->buffers->out + queue->verdicts);

	*v = (struct verdict){
		.header = {.nlmsg_len = (uint32_t)sizeof(*v) + more,
			.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = ++queue->sequence},
		.family = {AF_UNSPEC, NFNETLINK_V0, htons(queue->gate.number)},
		.attribute = {sizeof(v->attribute) + sizeof(v->verdict), NFQA_VERDICT_HDR},
		.verdict = {htonl(verdict), htonl(packet->id)},
	};
	queue->verdicts += (uint32_t)sizeof(*v) + NLMSG_ALIGN(more);
	return v;
}

/* Lets a packet go as it came. */
void queue_accept(struct queue *queue, const struct queue_packet *packet)
{
	add_verdict(queue, packet, NF_ACCEPT, 0);
	stats_add(queue->stats, STATS_VERDICT_ACCEPTED, 1);
}

/* Lets a packet go with the bytes that it has now; they must be all of it. */
void queue_rewrite(struct queue *queue, const struct queue_packet *packet)
{
	const uint32_t length = NLA_HDRLEN + packet->length;
	struct verdict *v = add_verdict(queue, packet, NF_ACCEPT, length);
	struct nlattr *payload = (void *)(v + 1);

	payload->nla_len = (uint16_t)length;
	payload->nla_type = NFQA_PAYLOAD;
	memcpy(payload + 1, packet->bytes, packet->length);
	stats_add(queue->stats, STATS_VERDICT_REWRITTEN, 1);
}

/* Drops a packet. */
void queue_drop(struct queue *queue, const struct queue_packet *packet)
{
	add_verdict(queue, packet, NF_DROP, 0);
	stats_add(queue->stats, STATS_VERDICT_DROPPED, 1);
}

/* Sends the verdicts one by one: the kernel may have memory for each of them, but not for all at once. */
static void send_singly(struct queue *queue)
{
	char *out = queue->buffers->out;

	for (uint32_t at = 0; at < queue->verdicts;) {
		const struct nlmsghdr *message = (const void *)(out + at);

		if (!netlink_send(queue->gate.socket, message, message->nlmsg_len))
			stats_add(queue->stats, STATS_VERDICT_UNSENT, 1);
		at += MNL_ALIGN(message->nlmsg_len);
	}
}

/* Sends the verdicts of the batch. The kernel handles them before this returns;
 * those that it refuses are counted when its answers are received. */
void queue_flush(struct queue *queue)
{
	if (queue->verdicts && !netlink_send(queue->gate.socket, queue->buffers->out, queue->verdicts))
		send_singly(queue);
	queue->verdicts = 0;
}

/* Sends a configuration message and waits for the answer. Packets may come
 * before it: they stay in the batch, and the first queue_receive() gives them. */
static int configure(struct queue *queue, struct nlmsghdr *message)
{
	message->nlmsg_flags |= NLM_F_ACK;
	queue->awaited = message->nlmsg_seq;
	if (!netlink_send(queue->gate.socket, message, message->nlmsg_len))
		return -1;
	while (queue->awaited && queue->n_messages < QUEUE_BATCH)
		if (receive_more(queue, MSG_WAITFORONE) < 0 && errno != EINTR)
			return -1;
	errno = queue->awaited ? ENOBUFS : queue->answer;
	return errno ? -1 : 0;
}

/* Binds the queue and sets it up in one message, so that no packet meets a
 * queue that is bound but copies nothing. */
static int bind_queue(struct queue *queue)
{
	char buffer[QUEUE_GATE_MESSAGE];
	struct nlmsghdr *message =
		queue_gate_message(&queue->gate, buffer, NFQNL_MSG_CONFIG, ++queue->sequence);

	nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, QUEUE_PACKET_MAX);
	nfq_nlmsg_cfg_put_qmaxlen(message, queue->gate.length);
	queue_gate_put_flag(message, NFQA_CFG_F_FAIL_OPEN, queue->gate.overload_pass);
	return configure(queue, message);
}

/* Asks for conntrack entries with the packets, in a message of its own: a kernel without
 * CONFIG_NETFILTER_NETLINK_GLUE_CT refuses the whole message that carries this flag. */
static bool attach_flows(struct queue *queue)
{
	char buffer[QUEUE_GATE_MESSAGE];
	struct nlmsghdr *message =
		queue_gate_message(&queue->gate, buffer, NFQNL_MSG_CONFIG, ++queue->sequence);

	queue_gate_put_flag(message, NFQA_CFG_F_CONNTRACK, true);
	return configure(queue, message) == 0;
}

/* Sets the size of the receive buffer for a number of packets, as far as the kernel grants it. Returns how
 * many fit. */
static uint32_t set_receive_buffer(int fd, uint32_t length)
{
	int size = length > INT32_MAX / KERNEL_TRUTH ? INT32_MAX : (int)(length * KERNEL_TRUTH);
	socklen_t n = sizeof(size);

	netlink_set_receive_buffer(fd, size);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &n) < 0)
		return length;
	return (uint32_t)size / KERNEL_TRUTH;
}

/* Sets up the buffers of the socket and the length of the queue: no more than the buffer has room for,
 * because a packet that finds no room there is dropped, and looks as if it had been served. Without
 * NETLINK_NO_ENOBUFS one overrun would refuse every message until the socket is empty. Returns 0 or -1 with
 * errno. */
static int set_up_socket(struct queue *queue, const struct queue_options *options)
{
	const int fd = mnl_socket_get_fd(queue->gate.socket), one = 1,
		  size = (int)sizeof(queue->buffers->out) * 2;
	const uint32_t room = set_receive_buffer(fd, options->length);

	queue->gate.length = options->length < room ? options->length : room;
	queue->gate.overload_pass = options->overload_pass;
	queue->gate.spare = options->spare;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one));
}

static int open_socket(struct queue *queue, const struct queue_options *options)
{
	queue->gate.socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!queue->gate.socket || mnl_socket_bind(queue->gate.socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -1;
	return set_up_socket(queue, options);
}

/* Binds a queue to this process. Returns 0; -1 with errno, and nothing to
 * close: EPERM for want of CAP_NET_ADMIN or because another socket has the
 * queue, EINVAL or EOPNOTSUPP from a kernel without nfnetlink_queue. */
int queue_open(struct queue *queue, const struct queue_options *options, struct stats *stats)
{
	int error;

	*queue = (struct queue){.gate.number = options->number, .stats = stats, .buffers = buffers_new()};
	if (!queue->buffers || open_socket(queue, options) < 0 || bind_queue(queue) < 0) {
		error = errno;
		queue_close(queue);
		errno = error;
		return -1;
	}
	queue->numbered = true;
	queue->attaches_flows = options->attach_flows && attach_flows(queue);
	queue->primed = queue->n_packets > 0;
	return 0;
}

/* Takes over a queue that another program has opened, by its socket; what waits there comes first. If the
 * last owner has left its numbers, call queue_number() then. Whether the kernel attaches flows shows when
 * packets come. Returns 0; -1 with errno, and the socket is closed. */
int queue_adopt(struct queue *queue, int fd, const struct queue_options *options, struct stats *stats)
{
	*queue = (struct queue){.gate.number = options->number, .stats = stats, .buffers = buffers_new()};
	queue->gate.socket = queue->buffers ? mnl_socket_fdopen(fd) : NULL;
	queue->adopted = true;
	if (queue->gate.socket) {
		set_up_socket(queue, options);
		queue_gate_resume(&queue->gate);
		return 0;
	}
	queue_close(queue);
	close(fd);
	errno = ENOMEM;
	return -1;
}

/* Closes the queue and frees its buffers. The kernel drops what is still queued there, unless
 * another process holds the socket, too. */
void queue_close(struct queue *queue)
{
	queue_gate_close(&queue->gate);
	free(queue->buffers);
	queue->buffers = NULL;
}
