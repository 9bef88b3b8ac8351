/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the checks have found, kept until all have run: what could not be looked at is told first, for it
 * limits what the rest says.
 */
#ifndef DOCTOR_FINDINGS_H
#define DOCTOR_FINDINGS_H

#include <stddef.h>

#include "client/output.h"

enum doctor_state { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_PROBLEM, DOCTOR_UNKNOWN, DOCTOR_STATES };

struct findings {
	struct finding *list;
	size_t n;
	unsigned count[DOCTOR_STATES];
};

void findings_add(struct findings *findings, enum doctor_state state, const char *check, const char *sentence,
	const char *mend);
enum doctor_state findings_tell(const struct findings *findings, const struct output *output);
void findings_free(struct findings *findings);

#endif
