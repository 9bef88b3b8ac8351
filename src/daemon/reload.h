/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The configuration is read again, and replaces the one in force.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/workers.h"
#include "rules/own.h"

struct policy *reload_load(const char *path, const struct workers *workers, FILE *mistakes);
bool reload_config(const char *path, struct workers *workers, struct own_rules *own, FILE *mistakes);
void reload_notify_ready(const struct workers *workers);

#endif
