/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Rules of iptables' older kind, which nft cannot trace: which of them has dropped, by their counters.
 */
#ifndef DOCTOR_TALLY_H
#define DOCTOR_TALLY_H

#include "doctor/advice.h"

/* What the counters of one family said; NULL: there are no such rules. */
struct tally {
	char *before;
};

void tally_begin(struct tally *tally, const struct way *way);
bool tally_end(struct tally *tally, const struct way *way, struct drop *drop);

#endif
