/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What nft of this kernel lacks for rules of our own.
 */
#ifndef RULES_LACK_H
#define RULES_LACK_H

#include <stdbool.h>

struct nftables;

/* What is missing, and rules that do without it. */
struct lack {
	char what[256];
	const char *instead; /* the arguments of icmpnatd that print them, and what loads them */
};

bool lack_find(struct lack *lack, struct nftables *nftables);

#endif
