/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Whose a table of nft is.
 */
#ifndef IO_NFT_TABLE_H
#define IO_NFT_TABLE_H

enum nft_table {
	NFT_TABLE_ABSENT, /* or the kernel does not tell us */
	NFT_TABLE_FREE,	  /* nobody's: everybody may change it */
	NFT_TABLE_HELD,	  /* a process holds it */
	NFT_TABLE_LEFT	  /* .. did, and has ended: the kernel keeps it for another one (Linux 6.9) */
};

enum nft_table nft_table_look(const char *name, int version);

#endif
