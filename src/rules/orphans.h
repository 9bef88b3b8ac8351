/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Tables that a daemon has held, and the kernel has kept when it was killed.
 */
#ifndef RULES_ORPHANS_H
#define RULES_ORPHANS_H

#include <stdbool.h>
#include <stdio.h>

#define ORPHANS_REMOVAL_MAX 128

struct nftables;

bool orphans_exist(void);
bool orphans_are_seen(struct nftables *nftables);
void orphans_print_removal(FILE *out);
void orphans_write_removal(struct nftables *nftables, char script[ORPHANS_REMOVAL_MAX]);

#endif
