/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The reader of captured frames, daemon/frame.c. Byte 0 chooses the link type, byte 1 is how much longer the
 * frame was on the wire, byte 2 how many bytes of the packet are removed; byte 3 on is the frame.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/frame.h"
#include "fuzz.h"

static const enum frame_link links[] = {FRAME_ETHERNET, FRAME_NULL, FRAME_PPP, FRAME_RAW, FRAME_PPP_SERIAL,
	FRAME_PPP_ETHER, FRAME_LOOP, FRAME_LINUX_SLL, FRAME_IPV4, FRAME_IPV6, FRAME_NFLOG, FRAME_LINUX_SLL2};

/* Says in the IP header how long the packet is now. */
static void put_total_length(uint8_t *packet, size_t length)
{
	uint8_t *field = packet + (packet[0] >> 4 == 4 ? 2 : 4);

	length -= packet[0] >> 4 == 4 ? 0 : 40;
	field[0] = (uint8_t)(length >> 8);
	field[1] = (uint8_t)length;
}

/* A packet that became shorter is found again, where it was, with what was behind it. */
static void check_shortened(const struct frame *f, const uint8_t *bytes, size_t captured, size_t removed)
{
	const size_t length = f->length - removed, tail = captured - f->begin - f->length;
	uint8_t *copy = malloc(captured);
	struct frame again;
	size_t left;

	memcpy(copy, bytes, captured);
	left = frame_shorten(f, copy, captured, length);
	EXPECT(left <= captured && left >= f->begin + length);
	EXPECT(memcmp(copy + f->begin, bytes + f->begin, length) == 0);
	if (f->link != FRAME_NFLOG) {
		EXPECT(left == captured - removed);
		EXPECT(memcmp(copy + f->begin + length, bytes + f->begin + f->length, tail) == 0);
	}
	put_total_length(copy + f->begin, length);
	EXPECT(frame_find_error(&again, f->link, copy, left, left));
	EXPECT(again.begin == f->begin && again.length == length && !again.short_capture);
	free(copy);
}

static void check(enum frame_link link, const uint8_t *bytes, size_t captured, size_t missing, size_t removed)
{
	struct frame f, part;

	if (!frame_find_error(&f, link, bytes, captured, captured + missing))
		return;
	EXPECT(f.link == link && f.begin <= captured && f.length <= captured - f.begin && f.length > 20);
	EXPECT(missing || !f.short_capture || link == FRAME_NFLOG);
	EXPECT(f.link_length < f.begin || f.link_length == 0);
	if (!f.short_capture && removed < f.length - 20 &&
		frame_find_error(&part, link, bytes, f.begin + f.length - removed, captured))
		check_shortened(&f, bytes, captured, removed);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *exact;

	if (size < 3)
		return 0;
	exact = malloc(size - 3 + (size == 3));
	memcpy(exact, input + 3, size - 3);
	check(links[input[0] % (sizeof(links) / sizeof(*links))], exact, size - 3, input[1], input[2]);
	free(exact);
	return 0;
}
