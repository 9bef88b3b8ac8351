/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The kernel gives a table that stays without its owner to the next one who asks with the same flags, and
 * lets anybody remove it. But it takes no text for it that does not say so, like that of rules which nobody
 * holds (nf_tables_updtable() in the kernel).
 */
#include "rules/orphans.h"

#include "io/nft_table.h"

/* Tells whether one of our tables is so. */
static bool one_is(enum nft_table state)
{
	return nft_table_look("icmpnatd", 4) == state || nft_table_look("icmpnatd", 6) == state;
}

/* Tells whether there are such tables. False also for those who may not ask. */
bool orphans_exist(void)
{
	return one_is(NFT_TABLE_LEFT);
}

/* Tells whether there are such tables, or such as a process holds. */
bool orphans_or_held_exist(void)
{
	return one_is(NFT_TABLE_LEFT) || one_is(NFT_TABLE_HELD);
}

/* Prints what removes them, whether or not they are still there when it is loaded. */
void orphans_print_removal(FILE *out)
{
	fputs("# A daemon that was killed has left these, and no other text removes them. What is\n"
	      "# queued then is dropped: leave the two lines out of a file that is kept.\n"
	      "destroy table ip icmpnatd\ndestroy table ip6 icmpnatd\n",
		out);
}
