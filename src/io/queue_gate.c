/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Commands about a queue as a whole, over libmnl and the message half of libnetfilter_queue. None waits for
 * an answer: where the kernel sends one, the reader of the socket gets it, with the sequence number 0.
 */
#define _GNU_SOURCE
#include "io/queue_gate.h"

#include <arpa/inet.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <time.h>
#include <unistd.h>

#include "io/netlink.h"
#include "io/queue_counters.h"

#define AT_ONCE 128 /* packets that are let go in one piece */

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* Begins a message about the queue in a buffer of at least QUEUE_GATE_MESSAGE bytes. type is one of
 * enum nfqnl_msg_types; sequence 0 says that its answer is not waited for. */
struct nlmsghdr *queue_gate_message(const struct queue_gate *gate, char *buffer, int type, uint32_t sequence)
{
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, type, gate->number);

	message->nlmsg_seq = sequence;
	return message;
}

/* Appends a flag of the queue (NFQA_CFG_F_..., host order) and whether it shall be on. */
void queue_gate_put_flag(struct nlmsghdr *message, uint32_t flag, bool on)
{
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(on ? flag : 0));
	mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(flag));
}

/* Makes a queue_receive() that waits in another thread return: an obsolete
 * command that changes nothing makes the kernel send an acknowledgement. */
void queue_gate_wake(const struct queue_gate *gate)
{
	char buffer[QUEUE_GATE_MESSAGE];
	struct nlmsghdr *message = queue_gate_message(gate, buffer, NFQNL_MSG_CONFIG, 0);

	nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_PF_UNBIND);
	message->nlmsg_flags |= NLM_F_ACK;
	netlink_send(gate->socket, message, message->nlmsg_len);
}

/* Sets how many packets the queue may hold, and whether those beyond pass. flags are the message's. */
static void set_limit(const struct queue_gate *gate, uint32_t length, bool pass, uint16_t flags)
{
	char buffer[QUEUE_GATE_MESSAGE];
	struct nlmsghdr *message = queue_gate_message(gate, buffer, NFQNL_MSG_CONFIG, 0);

	message->nlmsg_flags |= flags;
	nfq_nlmsg_cfg_put_qmaxlen(message, length);
	queue_gate_put_flag(message, NFQA_CFG_F_FAIL_OPEN, pass);
	netlink_send(gate->socket, message, message->nlmsg_len);
}

/* Lets no packet enter the queue any more: a length of 0 is always exceeded, and
 * what exceeds it passes as it is (what is spare is dropped), as it will when the queue is closed. When
 * this returns, the socket has all packets that will ever come. */
void queue_gate_retire(const struct queue_gate *gate)
{
	set_limit(gate, 0, !gate->spare, NLM_F_ACK);
}

/* Lets packets enter the queue again, after queue_gate_retire(). */
void queue_gate_resume(const struct queue_gate *gate)
{
	set_limit(gate, gate->length, gate->overload_pass, 0);
}

/* Lets every packet up to an id (host order) leave as the kernel made it; what is spare is dropped. */
void queue_gate_let_go_up_to(const struct queue_gate *gate, uint32_t id)
{
	char buffer[QUEUE_GATE_MESSAGE];
	struct nlmsghdr *message = queue_gate_message(gate, buffer, NFQNL_MSG_VERDICT_BATCH, 0);

	nfq_nlmsg_verdict_put(message, (int)id, gate->spare ? NF_DROP : NF_ACCEPT);
	netlink_send(gate->socket, message, message->nlmsg_len);
}

/* Lets all packets go that are queued, after queue_gate_retire(), a few at a time: a device takes no
 * thousands at once. counters is queue_counters_open()'s, or -1: then two ids reach all, because
 * ids wrap, and the kernel compares them accordingly. */
void queue_gate_let_go(const struct queue_gate *gate, int counters)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	struct queue_counters c;

	if (!queue_counters_read(counters, gate->number, &c)) {
		queue_gate_let_go_up_to(gate, INT32_MAX);
		queue_gate_let_go_up_to(gate, UINT32_MAX);
		return;
	}
	for (uint32_t left = c.waiting; left > 0; left -= left < AT_ONCE ? left : AT_ONCE) {
		queue_gate_let_go_up_to(gate, c.id_sequence - left);
		nanosleep(&pause, NULL);
	}
	queue_gate_let_go_up_to(gate, c.id_sequence);
}

/* Tells whether the socket of a queue belongs to the network namespace of this process.
 * True where the kernel cannot tell (before Linux 5.14). */
bool queue_gate_is_here(int fd)
{
	uint64_t its, ours;
	socklen_t size = sizeof(its);
	const int one = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const bool known = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &its, &size) == 0 &&
			   getsockopt(one, SOL_SOCKET, SO_NETNS_COOKIE, &ours, &size) == 0;

	if (one >= 0)
		close(one);
	return !known || its == ours;
}

/* Opens a gate, of which the number and what its packets are is known, by the socket that another process
 * has opened: fit for queue_gate_retire() and queue_gate_let_go(). fd belongs to the gate then. False if
 * there is no memory. */
bool queue_gate_borrow(struct queue_gate *gate, int fd)
{
	gate->socket = mnl_socket_fdopen(fd);
	return gate->socket;
}

/* Returns the descriptor of an open gate, which keeps it. */
int queue_gate_descriptor(const struct queue_gate *gate)
{
	return mnl_socket_get_fd(gate->socket);
}

/* Closes the socket. If no other process has it, the queue ends, and the kernel drops what
 * is still queued there. Does nothing if it is closed. */
void queue_gate_close(struct queue_gate *gate)
{
	if (gate->socket)
		mnl_socket_close(gate->socket);
	gate->socket = NULL;
}
