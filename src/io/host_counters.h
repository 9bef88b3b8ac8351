/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the kernel counts of the ICMP messages that it emits: /proc/net/snmp and /proc/net/snmp6.
 */
#ifndef IO_HOST_COUNTERS_H
#define IO_HOST_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

enum host_counter {
#define HOST_COUNTER(name, text, sentence) HOST_COUNTER_##name,
#include "io/host_counters.def"
#undef HOST_COUNTER
	HOST_COUNTER_COUNT
};

struct host_counters {
	int fd[HOST_COUNTER_COUNT]; /* -1: this kernel has no such list */
};

struct host_counters host_counters_open(void);
bool host_counters_read(const struct host_counters *host, enum host_counter counter, uint64_t *value);
uint64_t host_counters_read_made(const struct host_counters *host, enum host_counter counter);
uint64_t host_counters_read_unanswered(const struct host_counters *host, enum host_counter counter);
void host_counters_close(struct host_counters *host);

#endif
