/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The rules that see the errors, change in place what the kernel can, and bring the rest to the daemon. The
 * kernel drops an error about a new flow when it is queued as it is (nfnetlink_queue: it shares an
 * unconfirmed conntrack entry), so a copy is queued in its place: nft's dup makes one that belongs to no
 * flow, after the kernel's own NAT has done its work.
 */
#include "rules/rules.h"

#include <stdlib.h>
#include <string.h>

#include "io/ipsec.h"
#include "rules/orphans.h"

#define NFT	 &rules_nft
#define IPTABLES &rules_iptables

const struct rules_kind rules_kinds[RULES_FORMATS] = {
	[RULES_NFT] = {"nft", "nft -f -", " (the default)", NFT, NFT},
	[RULES_MIXED] = {"mixed", "sh", ": nft copies, iptables queues", NFT, IPTABLES},
	[RULES_DIRECT] = {"direct", "nft -f -", ": no copies, see icmpnatd-rules(7)", NULL, NFT},
	[RULES_IPTABLES] = {"iptables", "sh", ": iptables copies and queues", IPTABLES, IPTABLES},
	[RULES_IPTABLES_DIRECT] = {"iptables-direct", "sh", ": no copies, see icmpnatd-rules(7)", NULL,
		IPTABLES},
	[RULES_NONE] = {"none", "sh", ": removes any of them", NULL, NULL},
	[RULES_OWN] = {NULL, NULL, NULL, NFT, NFT},
	[RULES_KEPT] = {NULL, NULL, NULL, NFT, NFT},
	[RULES_TRIAL] = {NULL, NULL, NULL, NFT, NULL},
	[RULES_TWIN] = {NULL, "nft -f -", NULL, NFT, NFT},
};

static const char loss[] =
	"# Not captured: errors about new flows. A queue in output would lose them, so they leave as\n"
	"# the kernel makes them: a rejected first packet and every probe of traceroute are\n"
	"# answered from a private address, unless the kernel's own NAT makes it public.\n";

static const char local[] = "# errors = \"all\" is in vain: iptables sees no error that is forwarded.\n";

static const char names[] = "# hop_names is in vain: iptables changes no source.\n";

static const char policies[] =
	"# There are IPsec policies: the kernel changes no source in place, which would pass them by; load\n"
	"# the rules again when there are none.\n";

static const char audit[] =
	"# mode = \"audit\": errors are counted, and leave as the kernel makes them. A copy of what must be\n"
	"# read goes to the daemon, and no further.\n";

/* Prints which settings rules of iptables alone do not heed. */
static void print_vain(FILE *out, const struct config *config, const struct rules_kind *kind)
{
	if (kind->copies == NFT || kind->queues == NFT)
		return;
	if (config->forwarded)
		fputs(local, out);
	if (rules_name_hops(config, &rules_families[0]) || rules_name_hops(config, &rules_families[1]))
		fputs(names, out);
}

/* Prints what people read first: how to load the rules, and what to mind. */
static void print_header(
	FILE *out, const struct config *config, const struct rules_kind *kind, bool heeds_policies)
{
	const bool is_default = kind == &rules_kinds[RULES_NFT];

	fprintf(out,
		"# Capture rules of icmpnatd for %s; load with: icmpnatd --print-rules%s%s | %s\n"
		"# Loading them again replaces them; no other table is touched.\n",
		config->files[0], is_default ? "" : "=", is_default ? "" : kind->name, kind->loader);
	if (config->audit)
		fputs(audit, out);
	if (heeds_policies)
		fputs(policies, out);
	print_vain(out, config, kind);
	if (kind->copies)
		kind->copies->print_advice(out, config);
	else
		fputs(loss, out);
}

/* Prints a script for sh, with nft's within it: what queues comes before what copies, for in audit no copy
 * may pass by. */
static void print_script(
	FILE *out, const struct config *config, const struct rules_kind *kind, bool heeds_policies)
{
	fputs("#!/bin/sh\n", out);
	print_header(out, config, kind, heeds_policies);
	fputs("set -e\n", out);
	if (orphans_exist())
		rules_nft.print_removal(out);
	rules_iptables.print(out, config, kind);
	if (kind->copies == NFT) {
		fputs("nft -f - <<'END'\n", out);
		rules_nft.print(out, config, kind);
		fputs("END\n", out);
	}
}

/* Prints a script for sh that removes the rules of every kind. */
static void print_removal(FILE *out)
{
	fputs("#!/bin/sh\n"
	      "# Removes the capture rules of icmpnatd; load with: icmpnatd --print-rules=none | sh\n",
		out);
	rules_nft.print_removal(out);
	rules_iptables.print_removal(out);
}

/* Tells whether extensions are removed, or objects of them, whatever the maps are. */
bool rules_strip_extensions(const struct config *config)
{
	return config->extensions == EXTENSION_STRIP_PRIVATE || config->extensions == EXTENSION_STRIP;
}

/* Tells whether errors of a family may need anything: whether a map is about it, or all of them are to be
 * read. */
bool rules_are_needed(const struct config *config, const struct rules_family *family)
{
	bool needed = config->lookup == LOOKUP_ALWAYS || rules_strip_extensions(config);

	for (size_t i = 0; i < config->n_entries && !needed; i++)
		needed = address_is_v4(config->entries[i].private.base) == (family->version == 4);
	return needed;
}

/* Tells whether this host has a name in a family for errors about connections that the kernel's NAT
 * translates. */
bool rules_name_hops(const struct config *config, const struct rules_family *family)
{
	bool any = false;

	for (size_t i = 0; i < config->n_outside && !any; i++)
		any = config->outside[i].hop_names[family->version == 6].line;
	return any;
}

/* Tells whether rules of a kind can do what the mode asks for: without copies, errors themselves are queued,
 * and could not go on as they are. */
bool rules_can(enum rules_format format, const struct config *config)
{
	return !config->audit || rules_kinds[format].copies;
}

/* Returns the line of flags of nft's tables in a kind: that who loads them holds them, and whether they stay
 * when it ends without a word (Linux 6.9, nft 1.1); "" if nobody holds them. */
const char *rules_flags(const struct rules_kind *kind)
{
	if (kind->loader)
		return "";
	return kind == &rules_kinds[RULES_KEPT] ? "\tflags owner, persist;\n" : "\tflags owner;\n";
}

/* Finds the kind of rules that has a name. Returns false if there is none. */
bool rules_format_parse(enum rules_format *format, const char *text)
{
	for (size_t i = 0; rules_kinds[i].name; i++)
		if (strcmp(rules_kinds[i].name, text) == 0) {
			*format = (enum rules_format)i;
			return true;
		}
	return false;
}

/* Turns the kernel's part off where there are IPsec policies: what is changed in place has been asked for
 * policies with its old source, and what the daemon changes is asked again. Returns whether there are any. */
bool rules_heed_policies(struct config *config)
{
	const bool has = ipsec_has_policies();

	if (has)
		config->kernel = CONFIG_KERNEL_HEEDS_POLICIES;
	return has;
}

/* Returns a configuration with what the kernel can do by text alone: the rest is the daemon's to load. */
struct config rules_without_quotes(const struct config *config)
{
	struct config without = *config;

	if (without.kernel == CONFIG_KERNEL_AUTO)
		without.kernel = CONFIG_KERNEL_OUTER;
	return without;
}

/* Prints the rules, with comments for people if the kind has a name; rules_can() must hold. RULES_NONE
 * needs no configuration. The caller looks at ferror(out). */
void rules_print(FILE *out, const struct config *config, enum rules_format format)
{
	const struct rules_kind *kind = &rules_kinds[format];
	struct config heeding;
	bool heeds;

	if (!kind->copies && !kind->queues) {
		print_removal(out);
		return;
	}
	heeding = kind->name ? rules_without_quotes(config) : *config;
	heeds = rules_heed_policies(&heeding);
	if (kind->queues == IPTABLES) {
		print_script(out, &heeding, kind, heeds);
		return;
	}
	if (kind->name) {
		print_header(out, &heeding, kind, heeds);
		if (orphans_exist())
			orphans_print_removal(out);
	}
	rules_nft.print(out, &heeding, kind);
}

/* Returns the rules for a configuration as text on the heap, without comments on how to load them; or NULL.
 */
static char *text_of(const struct config *config)
{
	const struct config printed = rules_without_quotes(config);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	rules_print(out, &printed, RULES_OWN);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* Tells whether two configurations ask for different rules. True also if there is no memory to tell. */
bool rules_differ(const struct config *a, const struct config *b)
{
	char *text_a = text_of(a), *text_b = text_of(b);
	const bool equal = text_a && text_b && strcmp(text_a, text_b) == 0;

	free(text_a);
	free(text_b);
	return !equal;
}
