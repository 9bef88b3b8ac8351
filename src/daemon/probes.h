/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Errors by which a kernel is tried, about maps that are for this alone.
 */
#ifndef DAEMON_PROBES_H
#define DAEMON_PROBES_H

#include "config/config.h"

#define PROBE_SIZE 128

/* All go to 203.0.113.9, or to 2001:db8::9, of which these are the bytes. The unit names both. */
#define PROBE_PEER6                                                                                          \
	{                                                                                                    \
		0x20, 1, 0xd, 0xb8, [15] = 9                                                                 \
	}

/* One configuration with an interface, and the memory of its maps. */
struct probe_maps {
	struct config config;
	struct addrmap_range ranges[ADDRMAP_PARTS][ADDRMAP_RANGES(4)];
};

/* An error as it is emitted, and the core's answer. */
struct probe {
	uint8_t emitted[PROBE_SIZE], answer[PROBE_SIZE];
	size_t length;
};

void probe_maps_init(struct probe_maps *maps, const char *interface);
bool probe_next(struct probe *probe, unsigned *number, int version, const struct probe_maps *maps);

#endif
