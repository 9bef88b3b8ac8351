/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What lets an error of this host pass a chain that drops it, and nothing else with it.
 */
#ifndef DOCTOR_ADVICE_H
#define DOCTOR_ADVICE_H

#include "doctor/way.h"

/* Where an error is dropped, by any table but ours. */
struct drop {
	char family[16], table[128], chain[128];
	char base[128]; /* the chain with the hook by which it came there */
	bool policy;	/* it drops by its policy, not by a rule */
	bool legacy;	/* of iptables' older kind, which nft does not see */
};

#define ADVICE_TRIAL_MAX 900 /* bytes */
#define ADVICE_LOOK_MAX	 400

/* Shell commands. */
struct advice {
	char trial[ADVICE_TRIAL_MAX]; /* lets the error pass in the twin */
	char mend[DOCTOR_MEND_MAX];   /* lets it pass on the host, and lasts as the host's other rules do */
	char look[ADVICE_LOOK_MAX];   /* shows the chain: what to say if the trial fails */
};

void advice_write(struct advice *advice, const struct way *way, const struct drop *drop);

#endif
