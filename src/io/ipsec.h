/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * IPsec policies of this network namespace, for what leaves it.
 */
#ifndef IO_IPSEC_H
#define IO_IPSEC_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"

/* A policy that encrypts or blocks ICMP. */
struct ipsec_policy {
	struct prefix to;
	unsigned interface; /* index of the one that it is for; 0: any */
};

bool ipsec_has_policies(void);
int ipsec_read(struct ipsec_policy **policies, size_t *n);

#endif
