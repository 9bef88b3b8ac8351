/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the kernel could not send, between two looks at its counters.
 */
#ifndef DOCTOR_SENDING_H
#define DOCTOR_SENDING_H

#include "io/host_counters.h"

/* The first look. */
struct sending {
	struct host_counters host;
	uint64_t failed[HOST_COUNTER_COUNT],
		unanswered[HOST_COUNTER_COUNT]; /* unanswered: requests of ping */
};

void sending_begin(struct sending *sending);
void sending_look(const struct sending *sending, enum host_counter list, uint64_t *errors, uint64_t *replies);
void sending_end(struct sending *sending);

#endif
