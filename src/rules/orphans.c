/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The kernel gives a table that stays without its owner to the next one who asks with the same flags, and
 * lets anybody remove it. But it takes no text for it that does not say so, like that of rules which nobody
 * holds (nf_tables_updtable() in the kernel): this is how such a table is told from others.
 */
#include "rules/orphans.h"

#include <errno.h>
#include <string.h>

#include "io/nftables.h"

/* Tells whether the kernel refuses a text because a table stays without its owner, or is held by this very
 * handle. */
static bool is_refused(struct nftables *nftables, const char *script)
{
	char reason[128];

	return nftables_try(nftables, script, reason, sizeof(reason)) == EOPNOTSUPP;
}

/* Tells whether there are such tables, or such as this handle holds. */
bool orphans_are_seen(struct nftables *nftables)
{
	return is_refused(nftables, "table ip icmpnatd\n") || is_refused(nftables, "table ip6 icmpnatd\n");
}

/* Tells whether there are such tables. False also for those who may not ask. */
bool orphans_exist(void)
{
	char reason[128];
	struct nftables *nftables = nftables_open(reason, sizeof(reason));
	const bool exist = nftables && orphans_are_seen(nftables);

	nftables_close(nftables);
	return exist;
}

/* Prints what removes them, whether or not they are still there when it is loaded. */
void orphans_print_removal(FILE *out)
{
	fputs("# A daemon that was killed has left these, and no other text removes them. What is queued at "
	      "that\n"
	      "# moment is dropped: leave the two lines out of a file that is kept.\n"
	      "destroy table ip icmpnatd\ndestroy table ip6 icmpnatd\n",
		out);
}

/* Writes what removes the tables in one transaction with what follows, be there none, such, or any that
 * nobody holds. */
void orphans_write_removal(struct nftables *nftables, char script[ORPHANS_REMOVAL_MAX])
{
	static const char *const makers[] = {"table ip icmpnatd\n", "table ip6 icmpnatd\n"};

	script[0] = '\0';
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		if (!is_refused(nftables, makers[i]))
			strcat(script, makers[i]);
		strcat(strcat(script, "delete "), makers[i]);
	}
}
