/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The ICMP error in a captured frame: what the link put before and behind it.
 */
#ifndef DAEMON_FRAME_H
#define DAEMON_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Link types that are read, by their numbers in libpcap (DLT_*). */
enum frame_link {
	FRAME_NULL = 0,
	FRAME_ETHERNET = 1,
	FRAME_PPP = 9,
	FRAME_RAW = 12,
	FRAME_PPP_SERIAL = 50,
	FRAME_PPP_ETHER = 51,
	FRAME_LOOP = 108,
	FRAME_LINUX_SLL = 113,
	FRAME_IPV4 = 228,
	FRAME_IPV6 = 229,
	FRAME_NFLOG = 239,
	FRAME_LINUX_SLL2 = 276,
};

#define FRAME_LINKS "Ethernet, PPP, PPPoE, NFLOG, Linux cooked (any), loopback and raw IP"

/* An ICMP error in a frame:
 *
 *   +- - - - - - - - -+-----------+- - - - -+
 *   | headers of link | IP packet | padding |
 *   +- - - - - - - - -+-----------+- - - - -+
 *   0                 begin       begin + length
 */
struct frame {
	enum frame_link link;
	size_t begin, length; /* of the packet, as far as it was captured */
	size_t link_length;   /* offset of the link's own length of what it carries; 0: it has none */
	bool short_capture;   /* the packet goes on behind what was captured */
};

bool frame_link_is_known(int link);
bool frame_find_error(struct frame *f, int link, const uint8_t *bytes, size_t captured, size_t length);
size_t frame_shorten(const struct frame *f, uint8_t *bytes, size_t captured, size_t packet_length);

#endif
