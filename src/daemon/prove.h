/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Whether this very kernel changes what errors quote as the core would.
 */
#ifndef DAEMON_PROVE_H
#define DAEMON_PROVE_H

#include <stdbool.h>

#define PROVE_REASON_MAX 256

int prove_and_tell(void);
bool prove_is_known(char reason[PROVE_REASON_MAX]);

#endif
