/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What nft calls this host in an error about a connection that the kernel's NAT translates, which the kernel
 * has given the address of the connection's other end. Nothing here is printed unless it is asked for, for
 * it makes the kernel track connections. While there are IPsec policies, the kernel's choice stays: the other
 * source has not been asked for them.
 */
#include "rules/nft_error.h"

/* Returns how an interface names this host in a family; NULL if it does not. */
static const struct config_hop_name *hop_name_of(const struct nft_error *error)
{
	const struct config_hop_name *name = &error->outside->hop_names[error->family->version == 6];

	return name->line && error->config->kernel != CONFIG_KERNEL_HEEDS_POLICIES ? name : NULL;
}

/* Prints the match for those errors. What is forwarded, or a copy, has an input interface. */
static void print_nat_match(const struct nft_error *error, const struct config_hop_name *name)
{
	fputs("\t\tiif 0 ", error->out);
	if (!name->all)
		fprintf(error->out, "%s type time-exceeded ", error->family->icmp);
	fputs("ct status snat,dnat ", error->out);
}

/* Prints the rule that gives such errors their source, before others look at them; none in audit. */
void nft_print_hop_name(const struct nft_error *error)
{
	const struct config_hop_name *name = hop_name_of(error);
	char text[CONFIG_PREFIX_TEXT];

	if (!name || error->config->audit)
		return;
	config_prefix_text((struct prefix){name->address, 128}, text);
	print_nat_match(error, name);
	fprintf(error->out, "%s saddr set %s jump checksum\n", error->family->table, text);
}

/* Prints the rule that counts those that need nothing else, and lets them leave. */
void nft_print_hop_named(const struct nft_error *error)
{
	const struct config_hop_name *name = hop_name_of(error);
	char counter[NFT_NAME_MAX];

	if (!name)
		return;
	print_nat_match(error, name);
	fprintf(error->out, "counter name \"%s\" accept\n", nft_name(counter, "named", error->outside));
}

/* Prints the rule for errors about connections that the kernel's NAT translates, if it is asked for them
 * anyway: a statement read. */
void nft_print_hop_unsure(const struct nft_error *error, const char *read)
{
	if (hop_name_of(error))
		fprintf(error->out, "\t\tct status snat,dnat %s\n", read);
}

/* Prints the chain for what is emitted in a family of which no error is looked at otherwise. */
void nft_print_hop_chain(const struct nft_error *error, const char *chain)
{
	char name[NFT_NAME_MAX];

	nft_print_peers(error, chain, true);
	fprintf(error->out, "\tchain %s {\n", nft_name(name, chain, error->outside));
	nft_print_peer_look(error, chain);
	nft_print_hop_name(error);
	nft_print_hop_named(error);
	fputs("\t}\n", error->out);
}
