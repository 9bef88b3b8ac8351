/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Holds the tables that the daemon would hold, without the rules that queue, which not each kernel of the
 * tests has: what these leave to the daemon leaves as it is, as a copy. For test_inner_same_as_core.py.
 *
 *   hold_inner FILE
 *   out: "ready" when the rules are in force; they are until its standard input ends
 */
#include <stdio.h>

#include "config/config.h"
#include "io/nftables.h"
#include "rules/inner.h"
#include "rules/rules.h"

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "hold_inner: %s: %s\n", what, why);
	return 1;
}

int main(int argc, char **argv)
{
	struct config_errors errors = {.out = stderr};
	struct config *config = argc == 2 ? config_load(argv[1], &errors) : NULL;
	struct nftables *nftables;
	char reason[512];

	if (!config)
		return 2;
	nftables = nftables_open(reason, sizeof(reason));
	if (!nftables)
		return fail("libnftables", reason);
	if (inner_load(nftables, config, RULES_TRIAL, "", reason, sizeof(reason)))
		return fail("the rules", reason);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	nftables_close(nftables);
	config_free(config);
	return 0;
}
