/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The gate of an NFQUEUE: the socket that the kernel's queue belongs to, and whether
 * packets may enter and leave. Enough for a process that holds a queue without serving it.
 */
#ifndef IO_QUEUE_GATE_H
#define IO_QUEUE_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct mnl_socket;
struct nlmsghdr;

#define QUEUE_GATE_MESSAGE 256 /* bytes that a message without a packet may take */

struct queue_gate {
	uint16_t number;
	uint32_t length;	   /* packets that the kernel may park */
	bool overload_pass;	   /* a full queue passes packets instead of dropping them */
	bool spare;		   /* its packets are copies of errors that have left: none may leave */
	struct mnl_socket *socket; /* NULL: none is open */
};

bool queue_gate_borrow(struct queue_gate *gate, int fd);
int queue_gate_descriptor(const struct queue_gate *gate);
bool queue_gate_is_here(int fd);
void queue_gate_wake(const struct queue_gate *gate);
void queue_gate_retire(const struct queue_gate *gate);
void queue_gate_resume(const struct queue_gate *gate);
void queue_gate_let_go(const struct queue_gate *gate, int counters);
void queue_gate_close(struct queue_gate *gate);

/* For io/queue.c, which sends more than these. */
struct nlmsghdr *queue_gate_message(const struct queue_gate *gate, char *buffer, int type, uint32_t sequence);
void queue_gate_put_flag(struct nlmsghdr *message, uint32_t flag, bool on);
void queue_gate_let_go_up_to(const struct queue_gate *gate, uint32_t id);

#endif
