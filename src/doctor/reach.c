/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The twin shows it: a table of our own counts what is routed to this host or to an interface that is not
 * outside, before any chain can drop it.
 */
#include "doctor/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/way.h"
#include "doctor/run.h"

/* Loads the table that counts. Returns false if that failed. */
static bool load_table(const struct config *config)
{
	const char *const load[] = {"nft", "-f", "-", NULL};
	char *script = NULL;
	size_t length;
	FILE *out = open_memstream(&script, &length);
	int status = -1;

	if (!out)
		return false;
	fputs("table inet icmpnatd_reach {\ncounter inside { }\nchain own {\n"
	      "type filter hook input priority -500;\n"
	      "udp sport 40001 counter name inside\n}\n"
	      "chain forwarded {\ntype filter hook forward priority -500;\n",
		out);
	for (size_t i = 0; i < config->n_outside; i++)
		fprintf(out, "oifname \"%s\" accept\n", config->outside[i].name);
	fputs("udp sport 40001 counter name inside\n}\n}\n", out);
	if (fclose(out) == 0)
		status = run_program(load, script, NULL, NULL);
	free(script);
	return status == 0;
}

/* Tells whether the table has counted anything. */
static bool has_counted(void)
{
	const char *const list[] = {"nft", "list", "counter", "inet", "icmpnatd_reach", "inside", NULL};
	char *text = NULL;
	const bool counted = run_program(list, NULL, &text, NULL) == 0 && text && strstr(text, "packets ") &&
			     !strstr(text, "packets 0 ");

	free(text);
	return counted;
}

/* Tells whether the rules of this host lead a datagram inside that comes in by an interface. */
bool reach_inside(struct doctor *doctor, const char *interface, struct address to)
{
	const char *const end[] = {"nft", "delete", "table", "inet", "icmpnatd_reach", NULL};
	const struct probe probe = {way_client_for(to), to, 40001, 33434, 64};
	struct prober prober;
	struct sight sight;
	bool reaches = false;

	if (!doctor->has_twin)
		return false;
	twin_enter(&doctor->twin);
	if (prober_open(&prober, doctor->config, &doctor->twin, &doctor->holders) == 0) {
		if (load_table(doctor->config)) {
			prober_send(&prober, if_nametoindex(interface), &probe, &sight);
			reaches = has_counted();
			run_program(end, NULL, NULL, NULL);
		}
		prober_close(&prober);
	}
	twin_leave(&doctor->twin);
	return reaches;
}
