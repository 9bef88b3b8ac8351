/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture rules while the daemon runs: its own, or the administrator's.
 */
#ifndef RULES_OWN_H
#define RULES_OWN_H

#include <stdbool.h>

#include "config/config.h"
#include "io/nftables.h"

#define CAPTURE_REASON_MAX 256

struct capture {
	struct nftables *nftables; /* NULL: the rules are external */
};

bool capture_open(struct capture *capture, const struct config *config, int inherited);
bool capture_renew(struct capture *capture, const struct config *config, char reason[CAPTURE_REASON_MAX]);
bool capture_is_own(const struct capture *capture);
int capture_descriptor(const struct capture *capture);
void capture_close(struct capture *capture);

#endif
