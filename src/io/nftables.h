/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Tables of nft that belong to this process: no other can change them, and when the process ends, in whatever
 * way, the kernel removes them, or keeps those that are to persist.
 */
#ifndef IO_NFTABLES_H
#define IO_NFTABLES_H

#include <stddef.h>

struct nftables;

struct nftables *nftables_open(char *reason, size_t size);
int nftables_try(struct nftables *nftables, const char *script, char *reason, size_t size);
int nftables_load(struct nftables *nftables, const char *script, char *reason, size_t size);
int nftables_descriptor(const struct nftables *nftables);
void nftables_adopt(struct nftables *nftables, int fd);
void nftables_close(struct nftables *nftables);

#endif
