/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A configuration in force: what the file says, and what belongs to it while it
 * lasts. Made and freed by the main thread, read by the workers.
 */
#ifndef ENGINE_POLICY_H
#define ENGINE_POLICY_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "config/config.h"

struct policy {
	struct config *config;				 /* owned */
	uint64_t generation;				 /* 1 for the first one */
	time_t loaded;					 /* Unix time */
	_Atomic unsigned interfaces[CONFIG_OUTSIDE_MAX]; /* index of each config->outside; 0: missing */
	_Atomic uint64_t *hits;				 /* [worker][entry], one writer each */
};

struct policy *policy_new(struct config *config, uint64_t generation);
void policy_free(struct policy *policy);
void policy_log_missing(const struct policy *policy);
void policy_find_interfaces(struct policy *policy);

#endif
