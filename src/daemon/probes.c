/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One error for each way by which the rules change a quote (rules/inner.c), with each sum as ordinary as any,
 * and so that it becomes 0, at either end of a quoted packet, for a single address and a prefix.
 */
#include "daemon/probes.h"

#include <netinet/in.h>
#include <string.h>

#include "core/checksum.h"
#include "core/decide.h"

/* A quoted packet: what it is, where its sum stands behind its header, and how much of it is quoted. */
static const struct quote {
	uint8_t protocol4, protocol6, sum, length;
} quotes[] = {
	{IPPROTO_UDP, IPPROTO_UDP, 6, 20},
	{IPPROTO_TCP, IPPROTO_TCP, 16, 20},
	{IPPROTO_TCP, IPPROTO_TCP, 16, 8}, /* without its sum */
	{IPPROTO_ICMP, IPPROTO_ICMPV6, 2, 20},
	{IPPROTO_ESP, IPPROTO_ESP, 0, 20},
};
#define N_QUOTES (sizeof(quotes) / sizeof(quotes[0]))

/* Values of the sum of a quote: one, none, and the one that becomes 0. */
enum quote_sum { SUM_SOME, SUM_NONE, SUM_BECOMES_ZERO, SUMS };

/* What one probe is made of. */
struct choice {
	const struct quote *quote;
	enum quote_sum sum;
	bool destination; /* is the end that is mapped */
	bool prefix;	  /* has its map */
};

/* Of addresses for documentation. */
static const struct addrmap_entry entries[] = {
	{{{0, ADDRESS_V4(10, 1, 0, 0)}, ADDRESS_V4_BITS + 24},
		{{0, ADDRESS_V4(192, 0, 2, 0)}, ADDRESS_V4_BITS + 24}, ADDRMAP_ANY, ADDRMAP_BOTH, 0, 1},
	{{{0, ADDRESS_V4(10, 2, 0, 7)}, 128}, {{0, ADDRESS_V4(198, 51, 100, 4)}, 128}, ADDRMAP_ANY,
		ADDRMAP_BOTH, 0, 1},
	{{{UINT64_C(0xfd00000000000001), 0}, 64}, {{UINT64_C(0x20010db800000001), 0}, 64}, ADDRMAP_ANY,
		ADDRMAP_BOTH, 0, 1},
	{{{UINT64_C(0xfd00000000000002), 7}, 128}, {{UINT64_C(0x20010db800000002), 4}, 128}, ADDRMAP_ANY,
		ADDRMAP_BOTH, 0, 1},
};

/* Makes the configuration: all is left to the kernel that it may do. */
void probe_maps_init(struct probe_maps *maps, const char *interface)
{
	static char name[] = "probes", *files[] = {name};
	struct config *config = &maps->config;

	memset(maps, 0, sizeof(*maps));
	config->files = files;
	config->n_files = config->n_outside = 1;
	strcpy(config->outside[0].name, interface);
	config->entries = (struct addrmap_entry *)entries;
	config->n_entries = sizeof(entries) / sizeof(entries[0]);
	config->kernel = CONFIG_KERNEL_AUTO;
	config->queue.malformed_pass = true;
	for (int part = 0; part < ADDRMAP_PARTS; part++)
		addrmap_build(&config->outside[0].maps[part], entries, config->n_entries,
			(enum addrmap_part)part, 0, maps->ranges[part]);
}

/* Writes the address that is mapped, or another one. */
static void put_end(uint8_t *at, int version, bool mapped, bool prefix)
{
	static const uint8_t peer6[] = PROBE_PEER6;
	struct address a =
		version == 4 ? (struct address){0, ADDRESS_V4(203, 0, 113, 9)} : address_from_v6(peer6);

	if (mapped)
		a = entries[(version == 6) * 2 + !prefix].private.base;
	if (mapped && prefix)
		a.lo += 0x21;
	if (version == 4)
		address_to_v4(a, at);
	else
		address_to_v6(a, at);
}

static void sum_field(uint8_t *field, const uint8_t *bytes, size_t length, uint64_t sum)
{
	uint16_t folded;

	memset(field, 0, 2);
	folded = (uint16_t)~checksum_fold(checksum_add(sum, bytes, length));
	memcpy(field, &folded, 2);
}

/* Writes a header of IP for a payload of so many bytes. */
static void put_header(uint8_t *ip, int version, size_t length, uint8_t protocol, const struct choice *choice)
{
	const bool outer = !choice;

	memset(ip, 0, version == 4 ? 20 : 40);
	ip[0] = version == 4 ? 0x45 : 0x60;
	put_end(ip + (version == 4 ? 12 : 8), version, outer || !choice->destination,
		!outer && choice->prefix);
	put_end(ip + (version == 4 ? 16 : 24), version, !outer && choice->destination,
		!outer && choice->prefix);
	if (version == 4) {
		packet_put_be16(ip + 2, 20 + length);
		ip[5] = 1;
		ip[8] = 64;
		ip[9] = protocol;
		sum_field(ip + 10, ip, 20, 0);
	} else {
		packet_put_be16(ip + 4, length);
		ip[6] = protocol;
		ip[7] = 64;
	}
}

/* Sums the ICMP message. */
static void sum_message(uint8_t *bytes, int version, size_t length)
{
	const size_t header = version == 4 ? 20 : 40;
	uint64_t sum = 0;

	if (version == 6)
		sum = checksum_add(htons((uint16_t)(length - header)) + htons(IPPROTO_ICMPV6), bytes + 8, 32);
	sum_field(bytes + header + 2, bytes + header, length - header, sum);
}

/* Writes an error, "time exceeded". Returns its length in bytes. */
static size_t build(uint8_t *bytes, int version, const struct choice *choice)
{
	const size_t header = version == 4 ? 20 : 40, quoted = choice->quote->length;
	const size_t length = header + 8 + header + quoted;
	uint8_t *icmp = bytes + header, *transport = icmp + 8 + header;

	put_header(bytes, version, length - header, version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, NULL);
	memset(icmp, 0, 8);
	icmp[0] = version == 4 ? 11 : 3;
	put_header(icmp + 8, version, 20, version == 4 ? choice->quote->protocol4 : choice->quote->protocol6,
		choice);
	for (size_t i = 0; i < quoted; i++)
		transport[i] = (uint8_t)(128 + 5 * i); /* an ICMP message is then none that is an error */
	if (choice->sum == SUM_NONE && choice->quote->sum && choice->quote->sum + 2u <= quoted)
		packet_put_be16(transport + choice->quote->sum, 0);
	sum_message(bytes, version, length);
	return length;
}

/* Lets the core decide. */
static void decide(struct probe *probe, const struct probe_maps *maps)
{
	struct decide_rules rules = config_decide_rules(&maps->config);
	struct decision d;

	rules.maps = maps->config.outside[0].maps;
	rules.lookup = LOOKUP_NEVER;
	memcpy(probe->answer, probe->emitted, probe->length);
	decide_begin(&d, &rules, probe->answer, probe->length);
	decide_finish(&d, NULL, probe->answer);
}

/* Changes the sum of the quote so that it becomes 0, by what the core's answer adds to it. */
static void aim_at_zero(struct probe *probe, int version, const struct choice *choice)
{
	const size_t at = (version == 4 ? 48u : 88u) + choice->quote->sum;
	uint16_t before = checksum_read_2(probe->emitted + at), after = checksum_read_2(probe->answer + at),
		 aimed;

	aimed = checksum_fold((uint64_t)before + (uint16_t)~after);
	memcpy(probe->emitted + at, &aimed, 2);
	sum_message(probe->emitted, version, probe->length);
}

/* Makes the probe of a number, which counts up. False at the end. */
bool probe_next(struct probe *probe, unsigned *number, int version, const struct probe_maps *maps)
{
	const unsigned n = (*number)++;
	const struct choice choice = {
		.quote = &quotes[n / 4 / SUMS % N_QUOTES],
		.sum = (enum quote_sum)(n / 4 % SUMS),
		.destination = n & 1,
		.prefix = n & 2,
	};

	if (n >= 4 * SUMS * N_QUOTES)
		return false;
	probe->length = build(probe->emitted, version, &choice);
	decide(probe, maps);
	if (choice.sum == SUM_BECOMES_ZERO && choice.quote->sum &&
		choice.quote->sum + 2 <= choice.quote->length) {
		aim_at_zero(probe, version, &choice);
		decide(probe, maps);
	}
	return true;
}
