/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Makes up ICMP errors for the property tests: any protocol, header chain,
 * quote and extension. A shape is everything that a translation must not
 * change, ends are what it may; so the same shape with other ends is the packet
 * as it would have been quoted from the translated original. Shares no code
 * with src/.
 */
#ifndef TESTS_GENERATOR_H
#define TESTS_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GENERATOR_ROOM 2048
#define MAX_CHAIN      5
#define MAX_OBJECTS    3
#define MAX_HOPS       9

struct ip {
	uint8_t bytes[16]; /* of IPv4 the first four */
};

struct ends {
	struct ip outer_source, outer_destination, inner_source, inner_destination;
	uint16_t sport, dport; /* of an ICMP query sport is its identifier */
};

enum fragment { FRAGMENT_NONE, FRAGMENT_FIRST, FRAGMENT_LATER };
enum form { FORM_NONE, FORM_OLD, FORM_COMPLIANT }; /* of the extension, RFC 4884 5 */
enum object_class { OBJECT_MPLS, OBJECT_OTHER, OBJECT_INTERFACE, OBJECT_NODE, OBJECT_CLASSES };

/* An object of the extension. Those about an interface or node have parts (RFC 5837, 4.1), other ones opaque
 * bytes. */
struct object {
	enum object_class class;
	uint8_t role;
	bool index, name, mtu;
	int address; /* 4 or 6; 0: there is none */
	struct ip ip;
	uint32_t seed; /* of index and MTU, or all of it */
};
/* An option in which routers write, or are given: record route, or timestamp with its flag (RFC 791, 3.1). */
struct record {
	uint8_t kind, flag; /* kind 0: none */
	bool odd;	    /* its addresses begin at an odd distance from the header */
	unsigned n, filled;
	struct ip hops[MAX_HOPS];
};

enum summed { SUMMED, NOT_SUMMED, MIS_SUMMED };

struct shape {
	uint32_t seed; /* of all bytes that mean nothing */
	int version;
	uint8_t type, code, rest[4];
	bool df;
	uint8_t protocol, icmp_type;
	size_t payload;
	bool no_sum;	 /* UDP */
	size_t coverage; /* UDP-Lite; 0: all */
	size_t options;	 /* bytes of IPv4 options, the last ones perhaps of a source route */
	struct record record, outer_record; /* before that; in the outer header */
	uint8_t chain[MAX_CHAIN];
	unsigned n_chain; /* IPv6 extension headers */
	bool rerouted;	  /* a source route or routing header has a hop left: final */
	struct ip final;  /* of IPv4, behind another hop */
	struct ip via;
	enum fragment fragment;
	size_t quote; /* at most so many bytes of the inner packet */
	enum form form;
	struct object objects[MAX_OBJECTS];
	unsigned n_objects;
	enum summed extension_sum;
};

/* Where things stand in a packet that was built; 0: it is not there. */
struct layout {
	size_t length, icmp, inner, quote_end; /* the quote without padding */
	size_t source, destination, inner_header, transport, sum, sum_size, extension;
	size_t hops, hops_size; /* addresses in a routing header of the quote */
};

void random_seed(uint64_t seed);
void random_choose_run(uint64_t *seed, unsigned long *packets);
uint32_t random_below(uint32_t n);
struct shape random_shape(int version);
size_t generator_build(
	uint8_t *bytes, struct layout *layout, const struct shape *shape, const struct ends *ends);
void generator_sum_icmp(uint8_t *bytes, const struct layout *layout);
size_t generator_record_size(const struct record *record);
bool generator_has_hop(const struct record *record, unsigned i);
bool shape_is_query(const struct shape *shape);
bool shape_has_ports(const struct shape *shape);
bool shape_takes_extension(const struct shape *shape);

#endif
