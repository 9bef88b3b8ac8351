/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The kernel emits all ICMP from one socket of each processor, and what finds the buffer of that full is
 * counted (OutErrors) and never sent. What was counted before the doctor began says nothing of now, so there
 * are two looks, with all other checks in between.
 */
#include "doctor/sending.h"

/* Takes the first look, in the namespace that is looked at. */
void sending_begin(struct sending *sending)
{
	*sending = (struct sending){.host = host_counters_open()};
	for (unsigned i = 0; i < HOST_COUNTER_COUNT; i++) {
		const enum host_counter list = (enum host_counter)i;

		sending->unanswered[i] = host_counters_read_unanswered(&sending->host, list);
		host_counters_read(&sending->host, list, &sending->failed[i]);
	}
}

/* Takes the second look: how many errors the kernel could not send since the first one, and how many replies
 * to ping, which are those that are missing. These are counted from before the first look to behind the
 * second one: a reply that fails meanwhile must not pass for an error. */
void sending_look(const struct sending *sending, enum host_counter list, uint64_t *errors, uint64_t *replies)
{
	const uint64_t before = sending->unanswered[list];
	uint64_t failed = sending->failed[list], unanswered;

	host_counters_read(&sending->host, list, &failed);
	unanswered = host_counters_read_unanswered(&sending->host, list);
	failed -= sending->failed[list];
	*replies = unanswered > before ? unanswered - before : 0;
	if (*replies > failed)
		*replies = failed;
	*errors = failed - *replies;
}

/* Closes what sending_begin() has opened. */
void sending_end(struct sending *sending)
{
	host_counters_close(&sending->host);
}
