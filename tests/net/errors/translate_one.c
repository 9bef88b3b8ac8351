/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The translator as a filter, for tests that compare it with another one: a line
 * in is a flow, an outer source and an ICMP error, a line out what became of it.
 *
 *   in:  ORIGINAL REPLY OUTER HEX    a tuple is PROTOCOL SOURCE DESTINATION SPORT DPORT TYPE CODE,
 *                                    OUTER the source that a map would give, or "-"
 *   out: OUTCOME HEX
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/translate.h"
#include "packets.h"

static const char *const names[OUTCOME_COUNT] = {
#define OUTCOME(name, text, fate, sentence) text,
#include "core/outcome.def"
#undef OUTCOME
};

struct question {
	struct flow flow;
	struct address outer;
	bool has_outer;
	uint8_t bytes[PACKET_ROOM];
	size_t length;
};

static void fail(const char *what)
{
	fprintf(stderr, "translate_one: not %s\n", what);
	exit(2);
}

static void read_tuple(struct flow_tuple *tuple)
{
	char source[64], destination[64];
	unsigned protocol, sport, dport, type, code;
	int n = scanf(
		"%u %63s %63s %u %u %u %u", &protocol, source, destination, &sport, &dport, &type, &code);

	if (n != 7)
		fail("a tuple");
	*tuple = (struct flow_tuple){
		.source = parse_address(source),
		.destination = parse_address(destination),
		.source_port_be = htons((uint16_t)sport),
		.destination_port_be = htons((uint16_t)dport),
		.protocol = (uint8_t)protocol,
		.icmp_type = (uint8_t)type,
		.icmp_code = (uint8_t)code,
	};
}

static void read_bytes(struct question *question)
{
	char hex[2 * PACKET_ROOM + 1];
	unsigned byte;

	if (scanf("%4096s", hex) != 1 || strlen(hex) % 2)
		fail("a packet");
	question->length = strlen(hex) / 2;
	for (size_t i = 0; i < question->length; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			fail("hexadecimal");
		question->bytes[i] = (uint8_t)byte;
	}
}

static bool read_question(struct question *question)
{
	char outer[64];
	int c = getchar();

	while (c == '\n')
		c = getchar();
	if (c == EOF)
		return false;
	ungetc(c, stdin);
	read_tuple(&question->flow.original);
	read_tuple(&question->flow.reply);
	if (scanf("%63s", outer) != 1)
		fail("an outer source");
	question->has_outer = strcmp(outer, "-") != 0;
	if (question->has_outer)
		question->outer = parse_address(outer);
	read_bytes(question);
	return true;
}

/* Translates with one map, of the outer source that the packet has to the one that is wanted. */
static enum outcome answer(struct question *question)
{
	struct decision d = {.length = question->length};
	const struct flow_tuple *sent = NULL;
	struct addrmap_entry entry = {.outside = ADDRMAP_ANY, .parts = 1 << ADDRMAP_OUTER};
	struct addrmap_range ranges[ADDRMAP_RANGES(1)];
	struct addrmap maps[ADDRMAP_PARTS] = {{.entries = &entry}, {.entries = &entry}};
	enum outcome outcome = icmp_error_parse(&d.error, question->bytes, question->length);

	if (outcome != OUTCOME_UNDECIDED)
		return outcome;
	entry.private = (struct prefix){d.error.outer.source, 128};
	entry.public = (struct prefix){question->outer, 128};
	if (question->has_outer)
		addrmap_build(&maps[ADDRMAP_OUTER], &entry, 1, ADDRMAP_OUTER, 0, ranges);
	if (flow_has_nat(&question->flow) && flow_tuple_read(&d.seen, &d.error, question->bytes))
		sent = flow_as_sent(&question->flow, &d.seen);
	translate_find_maps(&d, maps);
	translate(&d, sent, question->bytes);
	question->length = d.length;
	return d.outcome;
}

int main(void)
{
	struct question question;

	setlinebuf(stdout);
	while (read_question(&question)) {
		printf("%s ", names[answer(&question)]);
		for (size_t i = 0; i < question.length; i++)
			printf("%02x", question.bytes[i]);
		putchar('\n');
	}
	return 0;
}
