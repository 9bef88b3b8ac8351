/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which chain drops the errors that this host emits, by nft's trace.
 */
#ifndef DOCTOR_TRACE_H
#define DOCTOR_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "doctor/run.h"

struct trace {
	struct run monitor;
	size_t read; /* bytes of its output that were looked at */
};

struct trace_chain {
	char family[16], table[128], chain[128];
	bool policy; /* it dropped by its policy, not by a rule */
};

bool trace_start(struct trace *trace);
bool trace_find_drop(struct trace *trace, struct trace_chain *found);
void trace_stop(struct trace *trace);

#endif
