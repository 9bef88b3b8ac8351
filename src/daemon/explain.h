/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What a configuration would do to the packets of a capture, and why.
 */
#ifndef DAEMON_EXPLAIN_H
#define DAEMON_EXPLAIN_H

#include <stdio.h>

#include "config/config.h"

int explain_file(
	FILE *out, const struct config *config, const char *interface, const char *path, const char *write);

#endif
