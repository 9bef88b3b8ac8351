/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Asks nft for each thing that rules of our own need, which is only tried. The answer is told in our words:
 * nft's own are about a script that nobody has seen, and guess at another table of the host. No chain has a
 * hook: the kernel registers one that has even for a trial, and drops all that is queued when it goes.
 */
#include "rules/lack.h"

#include <errno.h>
#include <stdio.h>

#include "io/nftables.h"

#define NFT	 "--print-rules | nft -f -"
#define MIXED	 "--print-rules=mixed | sh"
#define IPTABLES "--print-rules=iptables | sh"

static const struct {
	const char *script, *lacks, *instead;
} needs[] = {
	{"table ip icmpnatd-probe { }", "this kernel has no nf_tables", IPTABLES},
	{"table ip icmpnatd-probe { flags owner; }", "tables with an owner need Linux 5.12 and nft 0.9.9",
		NFT},
	{"table ip icmpnatd-probe { chain c { queue flags bypass to 0; }; }",
		"nft of this kernel cannot queue: it has no module nft_queue", MIXED},
	{"table ip icmpnatd-probe { chain c { dup to rt nexthop device oif; }; }",
		"nft of this kernel cannot copy: it has no module nft_dup_ipv4", IPTABLES},
	{"table ip6 icmpnatd-probe { chain c { dup to rt nexthop device oif; }; }",
		"nft of this kernel cannot copy: it has no module nft_dup_ipv6", IPTABLES},
	{"table ip icmpnatd-probe { chain c { meta oifkind \"bridge\"; meta cgroup 0; }; }",
		"nft of this kernel knows no meta oifkind or no meta cgroup", IPTABLES},
};

/* Tells whether a refusal is one for good: the kernel or the library does not know what is asked for. */
static bool is_unknown(int error)
{
	return error == ENOENT || error == EOPNOTSUPP || error == EINVAL;
}

/* Finds out what is missing first. False if nothing is. */
bool lack_find(struct lack *lack, struct nftables *nftables)
{
	char reason[sizeof(lack->what)];

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const int error = nftables_try(nftables, needs[i].script, reason, sizeof(reason));

		if (!error)
			continue;
		snprintf(lack->what, sizeof(lack->what), "%s", is_unknown(error) ? needs[i].lacks : reason);
		lack->instead = is_unknown(error) ? needs[i].instead : NFT;
		return true;
	}
	return false;
}
