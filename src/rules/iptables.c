/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture rules as iptables has them: a chain of our own in the mangle table,
 * which iptables-restore empties and fills in one transaction. iptables can copy
 * (TEE) in the mangle table only, before the kernel's NAT: the copy, which NAT
 * passes by, would keep the inner packet as NAT made it. So errors about a flow
 * with NAT are left to the kernel, which then does all that is needed.
 */
#include "rules/iptables.h"

#include <string.h>

/* Before the first rule for an interface: what is left to the kernel. */
static void print_returns(FILE *out, const struct rules_family *family, enum rules_format format)
{
	for (const char *p = family->private; *p; p += strspn(p, ", ")) {
		int length = (int)strcspn(p, ",");

		fprintf(out, "-A ICMPNATD -d %.*s -j RETURN\n", length, p);
		p += length;
	}
	if (format == RULES_IPTABLES)
		fputs("# What the kernel's own NAT makes public, outer source and inner packet\n"
		      "-A ICMPNATD -m conntrack --ctstate SNAT,DNAT -j RETURN\n",
			out);
	if (format == RULES_IPTABLES_DIRECT)
		fputs("# Errors about new flows, which a queue would lose\n"
		      "-A ICMPNATD -m conntrack --ctstate RELATED ! --ctstatus CONFIRMED -j RETURN\n",
			out);
}

/* The start of a rule for one type of errors of one interface. */
static void print_match(FILE *out, const struct rules_family *family, const char *outside, const char *type,
	const char *states)
{
	fprintf(out, "-A ICMPNATD -o %s -p %s --%s-type %s -m conntrack --ctstate %s -j ", outside,
		family->protocol, family->icmp, type, states);
}

static void print_queue(
	FILE *out, const struct config *config, const struct rules_family *family, enum rules_format format)
{
	const char *states =
		format == RULES_IPTABLES_DIRECT ? "RELATED,INVALID,UNTRACKED" : "INVALID,UNTRACKED";
	unsigned first = config->queue.number, last = first + config->queue.workers - 1;

	for (size_t i = 0; i < config->n_outside; i++)
		for (const char *const *type = family->types; *type; type++) {
			print_match(out, family, config->outside[i].name, *type, states);
			if (first == last)
				fprintf(out, "NFQUEUE --queue-num %u --queue-bypass\n", first);
			else
				fprintf(out,
					"NFQUEUE --queue-balance %u:%u --queue-cpu-fanout --queue-bypass\n",
					first, last);
		}
}

/* TEE sends the copy where a packet to its gateway would go. For an address that
 * only the default route leads to, that is the next hop of the moment. */
static void print_copy(FILE *out, const struct rules_family *family, const char *outside)
{
	fprintf(out, "if routed %d %s %s; then cat <<'END'\n", family->version, family->far, outside);
	for (const char *const *type = family->types; *type; type++) {
		print_match(out, family, outside, *type, "RELATED");
		fprintf(out, "TEE --gateway %s --oif %s\n", family->far, outside);
		print_match(out, family, outside, *type, "RELATED");
		fputs("DROP\n", out);
	}
	fprintf(out,
		"END\n"
		"else echo 'icmpnatd: no IPv%d router by way of %s: errors about flows leave as they are' "
		">&2\n"
		"fi\n",
		family->version, outside);
}

static void print_restore(
	FILE *out, const struct config *config, const struct rules_family *family, enum rules_format format)
{
	fputs("{ cat <<'END'\n*mangle\n:ICMPNATD - [0:0]\n", out);
	print_returns(out, family, format);
	if (format == RULES_IPTABLES) {
		fputs("END\n", out);
		for (size_t i = 0; i < config->n_outside; i++)
			print_copy(out, family, config->outside[i].name);
		fputs("cat <<'END'\n", out);
	}
	print_queue(out, config, family, format);
	fprintf(out,
		"COMMIT\nEND\n} | %s-restore -w --noflush\n"
		"%s -w -t mangle -C OUTPUT -j ICMPNATD 2>/dev/null ||\n"
		"\t%s -w -t mangle -A OUTPUT -j ICMPNATD\n",
		family->iptables, family->iptables, family->iptables);
}

/* Prints shell commands, for RULES_MIXED, RULES_IPTABLES and
 * RULES_IPTABLES_DIRECT. Expects that "set -e" holds. */
void rules_iptables_print(FILE *out, const struct config *config, enum rules_format format)
{
	if (format == RULES_IPTABLES)
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
		print_restore(out, config, &rules_families[i], format);
}
