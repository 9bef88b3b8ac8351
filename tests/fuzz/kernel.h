/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A kernel to talk netlink with, played from a script: it stands in the place
 * of libmnl's socket functions, recvmmsg(), poll() and setsockopt(). Time ends
 * with the script: then nothing comes any more.
 *
 * The script is a byte whose bits say which sends fail, then records. A record
 * begins with a byte:
 *   bits 0-1  0: a message: its length in 2 bytes, and that many bytes
 *             1: a packet as the kernel sends it: its length in 2 bytes, its interface in 1, its bytes
 *             2: an answer (NLMSG_ERROR) as the kernel sends it: its errno in a byte
 *             3: the receive ends; a byte chooses an errno, 0 is "no more for now"
 *   bit 2     the length field of a message is made right
 *   bit 3     the sequence number of a message or answer is that of the last one sent ..
 *   bits 5-7  .. or of the one so many before it
 *   bit 4     a conntrack entry is attached to the packet
 */
#ifndef TESTS_FUZZ_KERNEL_H
#define TESTS_FUZZ_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"

#define KERNEL_PACKETS_MAX 256
#define KERNEL_MESSAGE_MAX 4096 /* every buffer that it is given has so many bytes */

/* A packet as the kernel sent it. */
struct kernel_packet {
	uint32_t id;
	uint32_t interface;
	const uint8_t *bytes; /* in the script */
	size_t length;
	bool attached; /* with a conntrack entry (of 4 bytes: the id) */
};

struct kernel {
	struct script script;
	uint8_t failures, sends;
	uint32_t sequence; /* of the last message sent to it */
	bool raw;	   /* it has sent messages that are not its own: packets is not all of it */
	struct kernel_packet packets[KERNEL_PACKETS_MAX];
	size_t n_packets;

	/* Takes what is sent with success, and sees each message that is received. NULL: nobody. */
	void (*taken)(const void *messages, size_t length);
	void (*given)(const void *message, size_t length);
};

extern struct kernel kernel;

void kernel_start(struct script script);
bool kernel_is_at_end(void);

#endif
