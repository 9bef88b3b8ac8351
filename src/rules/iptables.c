/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture rules as iptables has them: a chain of our own in the mangle table, which iptables-restore
 * empties and fills in one transaction. iptables can copy (TEE) in the mangle table only, before the
 * kernel's NAT: the copy, which NAT passes by, would keep the inner packet as NAT made it. So errors about
 * a flow with NAT are left to the kernel, which then does all that is needed.
 */
#include <string.h>

#include "rules/rules.h"

/* Returns what follows an item in a list with commas in between; "" at its end. */
static const char *next_item(const char *item)
{
	item += strcspn(item, ",");
	return item + strspn(item, ", ");
}

static int item_length(const char *item)
{
	return (int)strcspn(item, ",");
}

/* Prints what stands before the first rule for an interface: the errors that are left to the kernel. */
static void print_returns(FILE *out, const struct rules_family *family, const struct rules_kind *kind)
{
	for (const char *private = family->private; *private; private = next_item(private))
		fprintf(out, "-A ICMPNATD -d %.*s -j RETURN\n", item_length(private), private);
	if (kind->copies == &rules_iptables)
		fputs("# What the kernel's own NAT makes public, outer source and inner packet\n"
		      "-A ICMPNATD -m conntrack --ctstate SNAT,DNAT -j RETURN\n",
			out);
	if (!kind->copies)
		fputs("# Errors about new flows, which a queue would lose\n"
		      "-A ICMPNATD -m conntrack --ctstate RELATED ! --ctstatus CONFIRMED -j RETURN\n",
			out);
}

/* Prints the start of a rule for errors of one type that leave by one interface. */
static void print_match(FILE *out, const struct rules_family *family, const char *outside, const char *type,
	const char *states)
{
	fprintf(out, "-A ICMPNATD -o %s -p %s --%s-type %.*s -m conntrack --ctstate %s -j ", outside,
		family->protocol, family->icmp, item_length(type), type, states);
}

static void print_queue(
	FILE *out, const struct config *config, const struct rules_family *family, const char *states)
{
	unsigned first = config->queue.number, last = first + config->queue.workers - 1;

	for (size_t i = 0; i < config->n_outside; i++)
		for (const char *type = family->types; *type; type = next_item(type)) {
			print_match(out, family, config->outside[i].name, type, states);
			if (first == last)
				fprintf(out, "NFQUEUE --queue-num %u --queue-bypass\n", first);
			else
				fprintf(out,
					"NFQUEUE --queue-balance %u:%u --queue-cpu-fanout --queue-bypass\n",
					first, last);
		}
}

/* Prints the rules that copy what leaves by one interface. TEE sends the copy where a packet to its gateway
 * would go. For an address that only the default route leads to, that is the next hop of the moment. */
static void print_copy(FILE *out, const struct rules_family *family, const char *outside)
{
	fprintf(out, "if routed %d %s %s; then cat <<'END'\n", family->version, family->far, outside);
	for (const char *type = family->types; *type; type = next_item(type)) {
		print_match(out, family, outside, type, "RELATED");
		fprintf(out, "TEE --gateway %s --oif %s\n", family->far, outside);
		print_match(out, family, outside, type, "RELATED");
		fputs("DROP\n", out);
	}
	fprintf(out,
		"END\n"
		"else echo 'icmpnatd: no IPv%d router by way of %s: errors about flows leave as they are' "
		">&2\n"
		"fi\n",
		family->version, outside);
}

/* Prints the shell commands that load the chain of one family. */
static void print_restore(FILE *out, const struct config *config, const struct rules_family *family,
	const struct rules_kind *kind)
{
	fputs("{ cat <<'END'\n*mangle\n:ICMPNATD - [0:0]\n", out);
	print_returns(out, family, kind);
	if (kind->copies == &rules_iptables) {
		fputs("END\n", out);
		for (size_t i = 0; i < config->n_outside; i++)
			print_copy(out, family, config->outside[i].name);
		fputs("cat <<'END'\n", out);
	}
	print_queue(out, config, family, !kind->copies ? "RELATED,INVALID,UNTRACKED" : "INVALID,UNTRACKED");
	fprintf(out,
		"COMMIT\nEND\n} | %s-restore -w --noflush\n"
		"%s -w -t mangle -C OUTPUT -j ICMPNATD 2>/dev/null ||\n"
		"\t%s -w -t mangle -A OUTPUT -j ICMPNATD\n",
		family->iptables, family->iptables, family->iptables);
}

/* Prints shell commands, which expect that "set -e" holds. */
static void iptables_print(FILE *out, const struct config *config, const struct rules_kind *kind)
{
	if (kind->copies == &rules_iptables)
		fputs("# Whether a copy can leave by an interface: by way of a router, or without a "
		      "neighbour.\n"
		      "# Where it cannot, errors about flows are left to the kernel.\n"
		      "routed() {\n"
		      "\tcase $(ip \"-$1\" route get fibmatch \"$2\" oif \"$3\" 2>/dev/null) in\n"
		      "\t*' via '*) ;;\n"
		      "\t?*) ip link show dev \"$3\" | grep -q NOARP ;;\n"
		      "\t*) false ;;\n"
		      "\tesac\n"
		      "}\n",
			out);
	for (size_t i = 0; i < RULES_FAMILIES; i++)
		print_restore(out, config, &rules_families[i], kind);
}

static void iptables_advise(FILE *out)
{
	fputs("# A chain OUTPUT with policy DROP must accept what is queued:\n", out);
	for (const struct rules_family *f = rules_families; f < rules_families + RULES_FAMILIES; f++) {
		fputs("#\tfor type in", out);
		for (const char *type = f->types; *type; type = next_item(type))
			fprintf(out, " %.*s", item_length(type), type);
		fprintf(out,
			"; do %s -I OUTPUT -p %s --%s-type $type -m conntrack --ctstate INVALID,UNTRACKED -j "
			"ACCEPT; done\n",
			f->iptables, f->protocol, f->icmp);
	}
}

static void iptables_remove(FILE *out)
{
	for (size_t i = 0; i < RULES_FAMILIES; i++) {
		const char *iptables = rules_families[i].iptables;

		fprintf(out,
			"if command -v %s >/dev/null && %s -w -t mangle -D OUTPUT -j ICMPNATD 2>/dev/null; "
			"then\n"
			"\t%s -w -t mangle -F ICMPNATD\n\t%s -w -t mangle -X ICMPNATD\nfi\n",
			iptables, iptables, iptables, iptables);
	}
}

const struct rules_program rules_iptables = {iptables_print, iptables_advise, iptables_remove};
