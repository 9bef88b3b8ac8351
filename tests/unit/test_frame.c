/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * ICMP errors in frames of every link type: found where they lie, told from their padding and from what is
 * no error, cut anywhere, and shortened.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/frame.h"
#include "packets.h"

static const struct recipe v4 = {
	.version = 4, .outer_src = "192.168.42.1", .outer_dst = "203.0.113.10", .type = 3, .code = 3,
	.inner_src = "203.0.113.10", .inner_dst = "192.168.1.5", .protocol = IPPROTO_UDP, .payload = 20,
};
static const struct recipe v6 = {
	.version = 6, .outer_src = "fd42::1", .outer_dst = "2001:db8:c::10", .type = 1, .code = 4,
	.inner_src = "2001:db8:c::10", .inner_dst = "fd00:1::5", .protocol = IPPROTO_UDP, .payload = 20,
};

#define ROOM	   (PACKET_ROOM + 256)
#define BYTES(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})
#define MACS	   2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2
#define SLL	   0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0

/* What stands before a packet. */
static const struct link {
	int link;
	const struct recipe *packet;
	uint8_t header[48];
	size_t length;
	size_t length_field; /* of PPPoE: where the length of the packet and two bytes of PPP stands; 0: none */
} links[] = {
	{FRAME_ETHERNET, &v4, BYTES(MACS, 8, 0), 0},
	{FRAME_ETHERNET, &v6, BYTES(MACS, 0x86, 0xdd), 0},
	{FRAME_ETHERNET, &v4, BYTES(MACS, 0x81, 0, 0, 7, 8, 0), 0},
	{FRAME_ETHERNET, &v6, BYTES(MACS, 0x88, 0xa8, 0, 9, 0x91, 0, 0, 8, 0x81, 0, 0, 7, 0x86, 0xdd), 0},
	{FRAME_ETHERNET, &v4, BYTES(MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21), 18},
	{FRAME_ETHERNET, &v6, BYTES(MACS, 0x81, 0, 0, 7, 0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x57), 22},
	{FRAME_PPP, &v4, BYTES(0, 0x21), 0},
	{FRAME_PPP, &v6, BYTES(0x57), 0},
	{FRAME_PPP, &v6, BYTES(0xff, 3, 0, 0x57), 0},
	{FRAME_PPP_SERIAL, &v4, BYTES(0xff, 3, 0, 0x21), 0},
	{FRAME_PPP_SERIAL, &v4, BYTES(0xff, 3, 0x21), 0},
	{FRAME_PPP_SERIAL, &v6, BYTES(0x0f, 0, 0x86, 0xdd), 0},
	{FRAME_PPP_SERIAL, &v4, BYTES(0x8f, 0, 8, 0), 0},
	{FRAME_PPP_ETHER, &v4, BYTES(0x11, 0, 0, 1, 0, 0, 0, 0x21), 4},
	{FRAME_NULL, &v4, BYTES(2, 0, 0, 0), 0},
	{FRAME_NULL, &v6, BYTES(0, 0, 0, 28), 0},
	{FRAME_LOOP, &v4, BYTES(0, 0, 0, 2), 0},
	{FRAME_LOOP, &v6, BYTES(0, 0, 0, 24), 0},
	{FRAME_NULL, &v6, BYTES(30, 0, 0, 0), 0},
	{FRAME_NULL, &v6, BYTES(10, 0, 0, 0), 0},
	{FRAME_LINUX_SLL, &v4, BYTES(SLL, 8, 0), 0},
	{FRAME_LINUX_SLL, &v6, BYTES(SLL, 0x81, 0, 0, 7, 0x86, 0xdd), 0},
	{FRAME_LINUX_SLL2, &v4, BYTES(8, 0, 0, 0, SLL, 0, 0), 0},
	{FRAME_LINUX_SLL2, &v6, BYTES(0x86, 0xdd, 0, 0, SLL, 0, 0), 0},
	{FRAME_RAW, &v4, {0}, 0, 0},
	{FRAME_RAW, &v6, {0}, 0, 0},
	{FRAME_IPV4, &v4, {0}, 0, 0},
	{FRAME_IPV6, &v6, {0}, 0, 0},
};
#define LINKS (sizeof(links) / sizeof(*links))

/* Builds a frame with so many bytes behind the packet. Returns the length of header and packet. */
static size_t build(uint8_t frame[ROOM], const struct link *link, size_t padding)
{
	const size_t packet = packet_build(frame + link->length, link->packet);

	memcpy(frame, link->header, link->length);
	if (link->length_field) {
		frame[link->length_field] = (uint8_t)((packet + 2) >> 8);
		frame[link->length_field + 1] = (uint8_t)(packet + 2);
	}
	memset(frame + link->length + packet, 0xa5, padding);
	return link->length + packet;
}

/* As frame_find_error(), of bytes behind which a sanitizer watches. */
static bool find(struct frame *f, int link, const uint8_t *bytes, size_t captured, size_t length)
{
	uint8_t *exact = malloc(captured + !captured);
	bool found;

	memcpy(exact, bytes, captured);
	found = frame_find_error(f, link, exact, captured, length);
	free(exact);
	return found;
}

static void an_error_is_found_behind_every_header(void **state)
{
	uint8_t frame[ROOM];
	struct frame f;

	(void)state;
	for (size_t i = 0; i < LINKS; i++)
		for (size_t padding = 0; padding < 50; padding += 7) {
			const size_t end = build(frame, &links[i], padding);

			assert_true(frame_link_is_known(links[i].link));
			assert_true(find(&f, links[i].link, frame, end + padding, end + padding));
			assert_int_equal(f.begin, links[i].length);
			assert_int_equal(f.begin + f.length, end);
			assert_false(f.short_capture);
		}
	assert_true(frame_link_is_known(FRAME_NFLOG));
	assert_false(frame_link_is_known(127));
	assert_false(find(&f, 127, frame, 100, 100));
}

/* Found from the byte on that says its type; and said to be short until its last byte is there. */
static void a_frame_may_be_cut_anywhere(void **state)
{
	uint8_t frame[ROOM];
	struct frame f;

	(void)state;
	for (size_t i = 0; i < LINKS; i++) {
		const size_t end = build(frame, &links[i], 10);
		const size_t type = links[i].length + (links[i].packet == &v4 ? 20 : 40);

		for (size_t n = 0; n <= end + 10; n++) {
			assert_int_equal(find(&f, links[i].link, frame, n, end + 10), n > type);
			assert_true(n <= type || f.short_capture == (n < end));
		}
		/* Short on the wire is not a short capture: it is malformed. */
		assert_true(find(&f, links[i].link, frame, end - 1, end - 1));
		assert_false(f.short_capture);
		assert_int_equal(f.begin + f.length, end - 1);
	}
}

static void what_is_no_error_is_not_found(void **state)
{
	static const struct link *const ethernet = &links[0];
	static const struct {
		size_t offset;
		uint8_t value;
	} changes[] = {
		{12, 6},	   /* ARP */
		{14, 0x55},	   /* IP version 5 */
		{14, 0x44},	   /* a header of 16 bytes */
		{23, IPPROTO_IGMP},
		{23, 88},	   /* EIGRP */
		{23, 89},	   /* OSPF */
		{23, IPPROTO_ICMPV6},
		{34, 0},	   /* echo reply */
		{34, 8},
		{34, 5},	   /* redirect */
		{21, 1},	   /* a later fragment */
	};
	uint8_t frame[ROOM];
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		const size_t end = build(frame, ethernet, 0);

		frame[changes[i].offset] = changes[i].value;
		assert_false(find(&f, FRAME_ETHERNET, frame, end, end));
	}
}

/* Offsets of one byte of a header that says what follows, and what it must not say. */
static void other_headers_are_not_read(void **state)
{
	static const struct {
		size_t link, offset;
		uint8_t value;
	} changes[] = {
		{4, 14, 0x12}, /* another version of PPPoE */
		{4, 15, 9},    /* discovery */
		{4, 21, 0x57 - 1},
		{6, 1, 0xfd},
		{7, 0, 0x2d},
		{9, 0, 0xfe},
		{14, 0, 7},
		{14, 1, 1},
		{14, 3, 2},
		{20, 15, 1},
	};
	uint8_t frame[ROOM];
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		const struct link *link = &links[changes[i].link];
		const size_t end = build(frame, link, 0);

		frame[changes[i].offset] = changes[i].value;
		assert_false(find(&f, link->link, frame, end, end));
	}
}

/* What PPPoE does not carry belongs to the frame: a packet that goes on there is malformed. */
static void pppoe_ends_where_it_says(void **state)
{
	uint8_t frame[ROOM];
	const size_t end = build(frame, &links[4], 30);
	struct frame f;

	(void)state;
	frame[19]--;
	assert_true(find(&f, FRAME_ETHERNET, frame, end + 30, end + 40));
	assert_false(f.short_capture);
	assert_int_equal(f.begin + f.length, end - 1);
}

static void shortening_moves_up_what_follows(void **state)
{
	uint8_t frame[ROOM], original[ROOM];
	struct frame f;

	(void)state;
	for (size_t i = 0; i < LINKS; i++)
		for (size_t removed = 0; removed < 20; removed++) {
			const size_t end = build(frame, &links[i], 9), field = links[i].length_field;

			memcpy(original, frame, sizeof(frame));
			assert_true(find(&f, links[i].link, frame, end + 9, end + 9));
			assert_int_equal(frame_shorten(&f, frame, end + 9, f.length - removed), end + 9 - removed);
			assert_memory_equal(frame + end - removed, original + end, 9);
			if (field) {
				assert_int_equal(frame[field + 1], original[field + 1] - removed);
				frame[field + 1] = original[field + 1];
			}
			assert_memory_equal(frame, original, end - removed);
		}
}

static size_t put_attribute(uint8_t *to, uint16_t type, const uint8_t *bytes, size_t n)
{
	const uint16_t length = (uint16_t)(4 + n);

	memcpy(to, &length, 2);
	memcpy(to + 2, &type, 2);
	memcpy(to + 4, bytes, n);
	return length;
}

/* struct nfgenmsg and attributes: a prefix "abcde", the packet, and perhaps a mark behind it. */
static size_t build_nflog(uint8_t frame[ROOM], const uint8_t *packet, size_t n, bool mark)
{
	size_t at = 4;

	memset(frame, 0, ROOM);
	frame[0] = 2;
	at += put_attribute(frame + at, 10, (const uint8_t *)"abcde", 6) + 2;
	at += put_attribute(frame + at, 9, packet, n);
	if (mark) {
		at = (at + 3) / 4 * 4;
		at += put_attribute(frame + at, 2, (const uint8_t *)"mark", 4);
	}
	return at;
}

/* As a frame would be that carried a shorter packet from the beginning. */
static void nflog_is_found_and_shortened(void **state)
{
	uint8_t packet[PACKET_ROOM], frame[ROOM], wanted[ROOM];
	const size_t n = packet_build(packet, &v4);
	struct frame f;

	(void)state;
	for (int mark = 0; mark < 2; mark++)
		for (size_t padding = 0; padding < 4; padding++)
			for (size_t removed = 0; removed < 12; removed++) {
				const size_t length = build_nflog(frame, packet, n + padding, mark);
				const size_t left = build_nflog(wanted, packet, n + padding - removed, mark);

				assert_true(find(&f, FRAME_NFLOG, frame, length, length));
				assert_int_equal(f.begin, 20);
				assert_int_equal(f.length, n);
				assert_false(f.short_capture);
				memcpy(wanted + 20 + n - removed, packet + n, padding);
				if (mark || left % 4 == 0) {
					assert_int_equal(frame_shorten(&f, frame, length, n - removed), left);
					assert_memory_equal(frame, wanted, left);
				}
			}
}

static void nflog_is_short_where_its_rule_says(void **state)
{
	uint8_t packet[PACKET_ROOM], frame[ROOM];
	const size_t n = packet_build(packet, &v4), length = build_nflog(frame, packet, n - 1, true);
	struct frame f;

	(void)state;
	assert_true(find(&f, FRAME_NFLOG, frame, length, length));
	assert_true(f.short_capture);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(find(&f, FRAME_NFLOG, frame, cut, length), cut > 40);
	frame[4] = frame[5] = 0; /* an attribute that is shorter than its header */
	assert_false(find(&f, FRAME_NFLOG, frame, length, length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_found_behind_every_header),
		cmocka_unit_test(a_frame_may_be_cut_anywhere),
		cmocka_unit_test(what_is_no_error_is_not_found),
		cmocka_unit_test(other_headers_are_not_read),
		cmocka_unit_test(pppoe_ends_where_it_says),
		cmocka_unit_test(shortening_moves_up_what_follows),
		cmocka_unit_test(nflog_is_found_and_shortened),
		cmocka_unit_test(nflog_is_short_where_its_rule_says),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
