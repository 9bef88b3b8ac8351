/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture rules for a configuration, as text to be loaded.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

enum rules_format {
	RULES_NFT,	/* for nft -f -: needs a kernel with CONFIG_NFT_QUEUE */
	RULES_IPTABLES, /* for sh: nft clones, iptables queues */
	RULES_NONE,	/* for sh: removes what either of them loaded */
};

bool rules_format_parse(enum rules_format *format, const char *text);
void rules_print(FILE *out, const struct config *config, enum rules_format format);

#endif
