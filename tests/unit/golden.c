/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A golden packet, line by line. What cannot be read ends the program: a file
 * that is silently skipped would be a test that cannot fail.
 */
#define _GNU_SOURCE
#include "golden.h"

#include <arpa/inet.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"

static const char *const outcome_names[OUTCOME_COUNT + 1] = {
#define OUTCOME(name, text, fate, sentence) text,
#include "core/outcome.def"
#undef OUTCOME
};

/* Where the next bytes of a file belong. */
struct reader {
	struct golden *golden;
	uint8_t *bytes;
	size_t *length;
};

static const char *const policy_names[] = {
	"translate", "translate-addresses", "pass", "strip-private", "strip", NULL};
static const char *const lookup_names[] = {"auto", "always", "never", NULL};
static const char *const peers_names[] = {"auto", "leave", NULL};
static const char *const side_names[] = {"inside", "outside", NULL};

const char *golden_outcome_name(enum outcome outcome)
{
	return outcome_names[outcome];
}

__attribute__((noreturn)) static void fail(const struct golden *golden, const char *what)
{
	fprintf(stderr, "%s: cannot read: %s\n", golden->name, what);
	exit(2);
}

static unsigned find_name(const struct golden *golden, const char *const *names, const char *text)
{
	for (unsigned i = 0; names[i]; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	fail(golden, text);
}

static struct prefix read_prefix(const char *text)
{
	char address[64];
	int length = -1;

	sscanf(text, "%63[^/]/%d", address, &length);
	if (length < 0)
		return (struct prefix){parse_address(address), 128};
	return (struct prefix){
		parse_address(address), (uint8_t)(strchr(address, ':') ? length : ADDRESS_V4_BITS + length)};
}

/* PRIVATE -> PUBLIC [outer|inner] [npt] */
static void read_map(struct golden *golden, const char *text)
{
	char private[64], public[64], part[8] = "", npt[8] = "";
	const uint8_t outer = 1 << ADDRMAP_OUTER, inner = 1 << ADDRMAP_INNER;

	if (sscanf(text, "%63s -> %63s %7s %7s", private, public, part, npt) < 2 || golden->n_entries == GOLDEN_MAPS)
		fail(golden, text);
	golden->entries[golden->n_entries++] = (struct addrmap_entry){
		.private = read_prefix(private),
		.public = read_prefix(public),
		.outside = ADDRMAP_ANY,
		.parts = strcmp(part, "outer") == 0   ? outer
			 : strcmp(part, "inner") == 0 ? inner
						      : outer | inner,
	};
	if (strcmp(part, "npt") == 0 || strcmp(npt, "npt") == 0)
		golden->entries[golden->n_entries - 1].parts |= ADDRMAP_NPT;
}

static uint8_t read_protocol(const char *text)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protocols[] = {{"icmp", IPPROTO_ICMP}, {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP},
		{"dccp", IPPROTO_DCCP}, {"gre", IPPROTO_GRE}, {"esp", IPPROTO_ESP},
		{"icmpv6", IPPROTO_ICMPV6}, {"sctp", IPPROTO_SCTP}, {"udplite", IPPROTO_UDPLITE}};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcmp(protocols[i].name, text) == 0)
			return protocols[i].number;
	return (uint8_t)strtoul(text, NULL, 10);
}

/* SOURCE PORT DESTINATION PORT, or SOURCE DESTINATION type T code C id I */
static void read_tuple(const struct golden *golden, struct flow_tuple *tuple, const char *text)
{
	char source[64], destination[64];
	unsigned sport, dport, type = 0, code = 0;

	if (sscanf(text, "%63s %63s type %u code %u id %u", source, destination, &type, &code, &sport) == 5)
		dport = sport;
	else if (sscanf(text, "%63s %u %63s %u", source, &sport, destination, &dport) != 4)
		fail(golden, text);
	tuple->source = parse_address(source);
	tuple->destination = parse_address(destination);
	tuple->source_port_be = htons((uint16_t)sport);
	tuple->destination_port_be = htons((uint16_t)dport);
	tuple->icmp_type = (uint8_t)type;
	tuple->icmp_code = (uint8_t)code;
}

/* none, or PROTOCOL ORIGINAL | REPLY */
static void read_flow(struct golden *golden, const char *text)
{
	const char *bar = strchr(text, '|');
	char protocol[16];

	if (strcmp(text, "none") == 0)
		return;
	if (!bar || sscanf(text, "%15s", protocol) != 1)
		fail(golden, text);
	golden->has_flow = true;
	golden->flow.original.protocol = golden->flow.reply.protocol = read_protocol(protocol);
	read_tuple(golden, &golden->flow.original, text + strlen(protocol));
	read_tuple(golden, &golden->flow.reply, bar + 1);
}

/* A line of hexadecimal bytes with blanks between some of them. */
static void read_bytes(const struct reader *reader, const char *text)
{
	unsigned byte;
	int n;

	for (; sscanf(text, " %2x%n", &byte, &n) == 1; text += n) {
		if (!reader->bytes || *reader->length == GOLDEN_ROOM)
			fail(reader->golden, text);
		reader->bytes[(*reader->length)++] = (uint8_t)byte;
	}
	if (text[strspn(text, " ")])
		fail(reader->golden, text);
}

static void read_indented(const struct reader *reader, const char *line)
{
	struct golden *golden = reader->golden;

	if (strcmp(line, "  same") != 0) {
		read_bytes(reader, line);
		return;
	}
	memcpy(golden->expected, golden->input, golden->input_length);
	golden->expected_length = golden->input_length;
}

static void read_field(struct reader *reader, const char *name, const char *value)
{
	struct golden *golden = reader->golden;

	reader->bytes = NULL;
	if (strcmp(name, "map") == 0)
		read_map(golden, value);
	else if (strcmp(name, "flow") == 0)
		read_flow(golden, value);
	else if (strcmp(name, "extensions") == 0)
		golden->extensions = (enum extension_policy)find_name(golden, policy_names, value);
	else if (strcmp(name, "lookup") == 0)
		golden->lookup = (enum decide_lookup)find_name(golden, lookup_names, value);
	else if (strcmp(name, "private_peers") == 0)
		golden->leaves_peers = find_name(golden, peers_names, value);
	else if (strcmp(name, "leaves") == 0)
		golden->outside = find_name(golden, side_names, value);
	else if (strcmp(name, "outcome") == 0)
		golden->outcome = (enum outcome)find_name(golden, outcome_names, value);
	else if (strcmp(name, "input") == 0)
		*reader = (struct reader){golden, golden->input, &golden->input_length};
	else if (strcmp(name, "expected") == 0)
		*reader = (struct reader){golden, golden->expected, &golden->expected_length};
	else
		fail(golden, name);
}

static void read_line(struct reader *reader, char *line)
{
	char *colon;

	line[strcspn(line, "\n")] = '\0';
	if (line[0] == '#')
		return;
	if (line[0] == ' ') {
		read_indented(reader, line);
		return;
	}
	colon = strchr(line, ':');
	if (!colon)
		fail(reader->golden, line);
	*colon++ = '\0';
	read_field(reader, line, colon + strspn(colon, " "));
}

/* Reads one file into memory that is all zero. */
static void read_golden(struct golden *golden, const char *path)
{
	struct reader reader = {.golden = golden};
	FILE *file = fopen(path, "r");
	char line[256];

	snprintf(golden->name, sizeof(golden->name), "%s", strrchr(path, '/') + 1);
	golden->outside = true;
	golden->outcome = OUTCOME_COUNT;
	if (!file)
		fail(golden, path);
	while (fgets(line, sizeof(line), file))
		read_line(&reader, line);
	fclose(file);
	if (golden->outcome == OUTCOME_COUNT)
		fail(golden, "it has no outcome");
	qsort(golden->entries, golden->n_entries, sizeof(golden->entries[0]), addrmap_compare);
	for (unsigned part = 0; part < ADDRMAP_PARTS; part++)
		addrmap_build(&golden->maps[part], golden->entries, golden->n_entries,
			(enum addrmap_part)part, ADDRMAP_ANY, golden->ranges[part]);
}

/* Reads all of a folder's. Returns how many; *goldens is for free(). */
size_t golden_read_all(const char *folder, struct golden **goldens)
{
	char pattern[4096];
	glob_t found;
	size_t n;

	snprintf(pattern, sizeof(pattern), "%s/*.txt", folder);
	if (glob(pattern, 0, NULL, &found) != 0) {
		fprintf(stderr, "%s: there is none\n", pattern);
		exit(2);
	}
	n = found.gl_pathc;
	*goldens = calloc(n, sizeof(**goldens));
	for (size_t i = 0; i < n; i++)
		read_golden(&(*goldens)[i], found.gl_pathv[i]);
	globfree(&found);
	return n;
}

/* Decides about bytes by the rules of a golden packet. */
void golden_decide(struct decision *d, const struct golden *golden, uint8_t *bytes, size_t length)
{
	const struct decide_rules rules = {
		.maps = golden->outside ? golden->maps : NULL,
		.lookup = golden->lookup,
		.extensions = golden->extensions,
		.leaves_peers = golden->leaves_peers,
	};

	decide_begin(d, &rules, bytes, length);
	decide_finish(d, golden->has_flow ? &golden->flow : NULL, bytes);
}
