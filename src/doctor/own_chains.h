/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Our own tables in what nft lists.
 */
#ifndef DOCTOR_OWN_CHAINS_H
#define DOCTOR_OWN_CHAINS_H

#include <stdbool.h>
#include <stdio.h>

const char *own_chains_line_after(const char *line);
bool own_chains_begin(const char *line);
void own_chains_print(FILE *out, const char *listing);

#endif
