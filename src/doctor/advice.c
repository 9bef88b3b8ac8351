/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What a shared chain accepts, forwarded packets may pass, too. So the rule goes into the chain with the
 * hook, and names the outside interface. Rules by hand last until the tool that holds the others loads them
 * again: where there is one, the rule goes into its files, or by its own command.
 */
#include "doctor/advice.h"

#include <stdio.h>
#include <string.h>

#define RULE_MAX      256
#define TYPES_MAX     128
#define WORD_MAX      160 /* bytes of the name of a table or chain as a word for a shell */
#define UFW_CHAIN_MAX 32

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Writes the rule of nft, without the names of table and chain, for a drop in the hook output. Errors there
 * are related that are left to the kernel, and those that it has copied. Returns false for another hook: what
 * is forwarded passes there, too, and none of its rules tells whose an error is. */
static bool write_rule(char rule[RULE_MAX], const struct way *way, const struct drop *drop)
{
	char hook[RULESET_HOOK_MAX] = "";

	ruleset_find_hook(&way->doctor->ruleset, drop->family, drop->table, drop->base, hook);
	snprintf(rule, RULE_MAX,
		"oifname \"%s\" ct state { related, invalid, untracked } %s type { %s } accept",
		way->interface, way->family->icmp, way->family->types);
	return strcmp(hook, "output") == 0;
}

/* Advice for a table of nft that is not known to be a tool's. */
static void advise_nft(struct advice *advice, const struct way *way, const struct drop *drop)
{
	const struct rules_family *f = way->family;
	char rule[RULE_MAX], command[ADVICE_TRIAL_MAX], table[WORD_MAX], chain[WORD_MAX];
	const bool is_output = write_rule(rule, way, drop);

	if (!is_output)
		snprintf(rule, RULE_MAX, "%s type { %s } accept", f->icmp, f->types);
	snprintf(command, sizeof(command), "insert rule %s %s %s %s", drop->family, drop->table, drop->base,
		rule);
	snprintf(advice->trial, sizeof(advice->trial), "nft ");
	word_quote(advice->trial + 4, sizeof(advice->trial) - 4, command);
	word_quote(table, sizeof(table), drop->table);
	word_quote(chain, sizeof(chain), drop->chain);
	snprintf(advice->look, ADVICE_LOOK_MAX, "nft list chain %s %s %s", drop->family, table, chain);
	if (is_output)
		snprintf(advice->mend, DOCTOR_MEND_MAX, "%s # and in the file that loads this table",
			advice->trial);
	else
		snprintf(advice->mend, DOCTOR_MEND_MAX,
			"%s # drop that in the hooks forward and output: here none tells whose an error is",
			advice->look);
}

/* Tells whether a table is OpenWrt's firewall4. */
static bool is_fw4(const struct way *way, const struct drop *drop)
{
	(void)way;
	return strcmp(drop->family, "inet") == 0 && strcmp(drop->table, "fw4") == 0;
}

/* fw4 puts what is in the files of that directory at the beginning of the chain. */
static void advise_fw4(struct advice *advice, const struct way *way, const struct drop *drop)
{
	char rule[RULE_MAX];

	advise_nft(advice, way, drop);
	if (write_rule(rule, way, drop))
		snprintf(advice->mend, DOCTOR_MEND_MAX,
			"d=/usr/share/nftables.d/chain-pre/%s; mkdir -p $d && echo '%s' "
			">>$d/50-icmpnatd.nft && fw4 reload # and $d in /etc/sysupgrade.conf",
			drop->base, rule);
}

/* Tells whether a chain with a hook is the one in which firewalld's policies are. */
static bool is_firewalld(const struct way *way, const struct drop *drop)
{
	(void)way;
	return strcmp(drop->table, "firewalld") == 0 && strcmp(drop->base, "filter_OUTPUT") == 0;
}

/* Fills in the names of the types of errors, with spaces in between. */
static void write_types(char types[TYPES_MAX], const struct rules_family *family)
{
	char *out = types;

	for (const char *in = family->types; *in && out < types + TYPES_MAX - 1; in++)
		if (*in != ',')
			*out++ = *in;
	*out = '\0';
}

/* A policy for what this host sends, in front of others. firewalld knows neither interfaces there, unless
 * they are in a zone by name, nor states. */
static void advise_firewalld(struct advice *advice, const struct way *way, const struct drop *drop)
{
	char types[TYPES_MAX];

	advise_nft(advice, way, drop);
	write_types(types, way->family);
	snprintf(advice->mend, DOCTOR_MEND_MAX,
		"firewall-cmd -q --permanent --new-policy icmpnatd; "
		"p='firewall-cmd -q --permanent --policy icmpnatd'; $p --set-priority -100; "
		"$p --add-ingress-zone HOST; $p --add-egress-zone ANY; for t in %s; "
		"do $p --add-rich-rule \"rule family=ipv%d icmp-type name=$t accept\"; done; "
		"firewall-cmd --reload",
		types, way->family->version);
}

/* The text of the rules of iptables, among which is one that drops; NULL: it is not iptables'. */
static const char *rules_of(const struct way *way, const struct drop *drop)
{
	const struct ruleset *ruleset = &way->doctor->ruleset;

	if (!drop->legacy && !ruleset_is_foreign(ruleset, drop->family, drop->table))
		return NULL;
	return ruleset_iptables(ruleset, way->family, drop->legacy);
}

/* Tells whether a rule that drops is one of iptables'. */
static bool is_iptables(const struct way *way, const struct drop *drop)
{
	return rules_of(way, drop);
}

/* Writes what iptables' rule for errors of the type $t matches and does. */
static void write_match(char match[RULE_MAX], const struct way *way)
{
	snprintf(match, RULE_MAX,
		"-o %s -p %s --%s-type $t -m conntrack --ctstate RELATED,INVALID,UNTRACKED -j ACCEPT",
		way->interface, way->family->protocol, way->family->icmp);
}

/* Writes the command that puts the rules to the front of a chain of iptables. */
static void write_insertion(
	char command[ADVICE_TRIAL_MAX], const struct way *way, const struct drop *drop, const char *chain)
{
	char types[TYPES_MAX], match[RULE_MAX], table[WORD_MAX], word[WORD_MAX];

	write_types(types, way->family);
	write_match(match, way);
	word_quote(table, sizeof(table), drop->table);
	word_quote(word, sizeof(word), chain);
	snprintf(command, ADVICE_TRIAL_MAX, "for t in %s; do %s-%s -t %s -I %s %s; done", types,
		way->family->iptables, drop->legacy ? "legacy" : "nft", table, word, match);
}

/* Advice for rules of iptables that are not known to be a tool's. In POSTROUTING iptables knows no input
 * interface, by which forwarded packets could be told. */
static void advise_iptables(struct advice *advice, const struct way *way, const struct drop *drop)
{
	char table[WORD_MAX], word[WORD_MAX];

	word_quote(table, sizeof(table), drop->table);
	word_quote(word, sizeof(word), drop->chain);
	snprintf(advice->look, ADVICE_LOOK_MAX, "%s-%s -t %s -S %s", way->family->iptables,
		drop->legacy ? "legacy" : "nft", table, word);
	write_insertion(advice->trial, way, drop, drop->base);
	if (strcmp(drop->base, "OUTPUT") == 0)
		snprintf(advice->mend, DOCTOR_MEND_MAX, "%s # and where the other rules are kept",
			advice->trial);
	else
		snprintf(advice->mend, DOCTOR_MEND_MAX,
			"%s # move that rule to FORWARD and OUTPUT: here none tells whose an error is",
			advice->look);
}

/* Tells whether the rules of iptables have a chain. */
static bool has_chain(const struct way *way, const struct drop *drop, const char *name)
{
	const char *rules = rules_of(way, drop);
	char line[64];

	snprintf(line, sizeof(line), "\n:%s ", name);
	return rules && strcmp(drop->table, "filter") == 0 && strcmp(drop->base, "OUTPUT") == 0 &&
	       strstr(rules, line);
}

/* Returns what ufw's names for the family have in them. */
static const char *ufw_word(const struct way *way)
{
	return way->family->version == 4 ? "" : "6";
}

/* Writes the name of the chain of ufw that the administrator's file of rules fills. */
static void write_ufw_chain(char name[UFW_CHAIN_MAX], const struct way *way)
{
	snprintf(name, UFW_CHAIN_MAX, "ufw%s-before-output", ufw_word(way));
}

/* Tells whether a drop is one of ufw: other rules in OUTPUT come before its own, or are none of its business.
 */
static bool is_ufw(const struct way *way, const struct drop *drop)
{
	char name[UFW_CHAIN_MAX];

	write_ufw_chain(name, way);
	return (drop->policy || strncmp(drop->chain, "ufw", 3) == 0) && has_chain(way, drop, name);
}

/* ufw's commands know nothing of ICMP: its file of rules does. */
static void advise_ufw(struct advice *advice, const struct way *way, const struct drop *drop)
{
	char types[TYPES_MAX], match[RULE_MAX], name[UFW_CHAIN_MAX];

	advise_iptables(advice, way, drop);
	write_types(types, way->family);
	write_match(match, way);
	write_ufw_chain(name, way);
	write_insertion(advice->trial, way, drop, name);
	snprintf(advice->mend, DOCTOR_MEND_MAX,
		"for t in %s; do sed -i \"/^# End required lines/a -A %s %s\" "
		"/etc/ufw/before%s.rules; done; ufw reload",
		types, name, match, ufw_word(way));
}

/* Tells whether a drop is in the rules of Shorewall, which marks them with an empty chain. */
static bool is_shorewall(const struct way *way, const struct drop *drop)
{
	return has_chain(way, drop, "shorewall");
}

/* Shorewall runs that file each time that it has loaded its rules. */
static void advise_shorewall(struct advice *advice, const struct way *way, const struct drop *drop)
{
	const char *v = way->family->version == 4 ? "" : "6";
	char types[TYPES_MAX], match[RULE_MAX];

	advise_iptables(advice, way, drop);
	write_types(types, way->family);
	write_match(match, way);
	snprintf(advice->mend, DOCTOR_MEND_MAX,
		"echo 'for t in %s; do run_iptables -I OUTPUT %s; done' >>/etc/shorewall%s/start && "
		"shorewall%s reload",
		types, match, v, v);
}

/* Who may hold a rule that drops; the first one that does, advises. */
static const struct tool {
	bool (*holds)(const struct way *way, const struct drop *drop);
	void (*advise)(struct advice *advice, const struct way *way, const struct drop *drop);
} tools[] = {
	{is_fw4, advise_fw4},
	{is_firewalld, advise_firewalld},
	{is_ufw, advise_ufw},
	{is_shorewall, advise_shorewall},
	{is_iptables, advise_iptables},
};

/* Fills in what to do about a drop of the errors that leave by this way. */
void advice_write(struct advice *advice, const struct way *way, const struct drop *drop)
{
	for (size_t i = 0; i < COUNT(tools); i++)
		if (tools[i].holds(way, drop)) {
			tools[i].advise(advice, way, drop);
			return;
		}
	advise_nft(advice, way, drop);
}
