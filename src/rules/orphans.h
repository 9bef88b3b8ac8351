/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Tables that a daemon has held, and the kernel has kept when it was killed.
 */
#ifndef RULES_ORPHANS_H
#define RULES_ORPHANS_H

#include <stdbool.h>
#include <stdio.h>

bool orphans_exist(void);
bool orphans_or_held_exist(void);
void orphans_print_removal(FILE *out);

#endif
