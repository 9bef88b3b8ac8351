/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture rules for a configuration, as text to be loaded.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"

enum rules_format {
	RULES_NFT,	       /* for nft -f -: needs a kernel with CONFIG_NFT_QUEUE */
	RULES_MIXED,	       /* for sh: nft copies, iptables queues */
	RULES_DIRECT,	       /* for nft -f -: queues in output, without a copy */
	RULES_IPTABLES,	       /* for sh: iptables copies (TEE) and queues */
	RULES_IPTABLES_DIRECT, /* for sh: iptables queues in output, without a copy */
	RULES_NONE,	       /* for sh: removes what any of them loaded */
	RULES_OWN,	       /* for libnftables: tables that vanish with the socket that made them */
	RULES_OWN_AGAIN,       /* the same, where this socket has made them before */
};

bool rules_format_parse(enum rules_format *format, const char *text);
void rules_print(FILE *out, const struct config *config, enum rules_format format);

#endif
