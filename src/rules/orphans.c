/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The kernel gives a table that stays without its owner to the next one who asks with the same flags, and
 * lets anybody remove it. But it takes no text for it that does not say so, like that of rules which nobody
 * holds (nf_tables_updtable() in the kernel).
 */
#include "rules/orphans.h"

#include <errno.h>

#include "io/nftables.h"

/* Tells whether there are such tables. False also for those who may not ask. */
bool orphans_exist(void)
{
	char reason[128];
	struct nftables *nftables = nftables_open(reason, sizeof(reason));
	const bool exist = nftables && nftables_try(nftables, "table ip icmpnatd\n", reason,
					       sizeof(reason)) == EOPNOTSUPP;

	nftables_close(nftables);
	return exist;
}

/* Prints what removes them, whether or not they are still there when it is loaded: a kernel and an nft that
 * have kept a table know that word. */
void orphans_print_removal(FILE *out)
{
	fputs("# left by a daemon that was killed\n"
	      "destroy table ip icmpnatd\ndestroy table ip6 icmpnatd\n",
		out);
}
