/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Configuration files, good and bad, in a directory of their own. A case is a
 * text and all that is said about it: the exact lines, in order.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <ifaddrs.h>
#include <libconfig.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "config/map.h"
#include "config/text.h"
#include "io/reserve.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char source_directory[PATH_MAX], directory[PATH_MAX];

/* No memory can be set aside for libconfig, which must then not be called: it does not look at what malloc()
 * gives. */
static bool out_of_memory;

/* In the place of io/reserve.c. */
void *reserve_memory(size_t size)
{
	return out_of_memory ? NULL : malloc(size);
}

/* In the place of libconfig's. */
void config_init(config_t *config)
{
	void (*original)(config_t *);

	assert_false(out_of_memory);
	*(void **)&original = dlsym(RTLD_NEXT, "config_init");
	original(config);
}

/* What getifaddrs() below says that this host has. */
static const char *const *host_addresses;

struct host {
	struct ifaddrs list;
	struct sockaddr_storage address;
};

static void set_address(struct sockaddr_storage *storage, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;

	storage->ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (storage->ss_family == AF_INET)
		assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
	else
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
}

/* In the place of libc's: an interface without an address, then host_addresses. */
int getifaddrs(struct ifaddrs **list)
{
	struct host *last = calloc(1, sizeof(*last));

	*list = &last->list;
	for (const char *const *text = host_addresses; text && *text; text++) {
		struct host *host = calloc(1, sizeof(*host));

		set_address(&host->address, *text);
		host->list.ifa_addr = (struct sockaddr *)&host->address;
		last->list.ifa_next = &host->list;
		last = host;
	}
	return 0;
}

void freeifaddrs(struct ifaddrs *list)
{
	while (list) {
		struct ifaddrs *next = list->ifa_next;

		free(list);
		list = next;
	}
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

static void write_file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

/* Loads a file; what was said about it must be these lines. */
static struct config *load(const char *name, const char *expected)
{
	char *said = NULL;
	size_t size;
	FILE *out = open_memstream(&said, &size);
	struct config_errors errors = {.out = out};
	struct config *config = config_load(name, &errors);

	fclose(out);
	assert_string_equal(said, expected);
	assert_true((config != NULL) == (errors.errors == 0));
	free(said);
	return config;
}

static struct config *load_text(const char *text, const char *expected)
{
	write_file("f", text);
	return load("f", expected);
}

struct bad {
	const char *text, *said;
};

static void check_all(const struct bad *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_null(load_text(cases[i].text, cases[i].said));
}

#define OUTSIDE	 "outside = [ \"eth0\" ];\n"
#define MAP(map) OUTSIDE "maps = ( " map " );\n"
#define DIGITS                                                                                               \
	": expected a number of at most 9 digits without leading zeros; text and addresses stand between "   \
	"quotes\n"
#define UNEXPECTED " stands where no text is expected: a comma or = is missing before it\n"
#define BARE " is neither true, false nor a number; text stands between quotes: "
#define KNOWN                                                                                                \
	"expected outside, maps, maps_file, hop_names, mode, queue, lookup, extensions, errors, "                \
	"private_peers, rules, kernel or control"
#define OF_QUEUE   "expected number, workers, length, overload or malformed"
#define OF_NPT	   ": expected prefixes of IPv6 of equal length, 64 bits at most\n"
#define OF_MAP	   "expected private, public, outside, part or npt"
#define TOO_LONG                                                                                             \
	"the configuration has more than 64 KiB: move its maps into a table, one map on a line, and name "   \
	"that by maps_file (see icmpnatd.conf(5))"
#define SYNTAX ": syntax error here or just before: look for what is missing or too much\n"

static void smallest_file(void **state)
{
	struct config *config = load_text(OUTSIDE, "");

	(void)state;
	assert_non_null(config);
	assert_int_equal(config->n_outside, 1);
	assert_string_equal(config->outside[0].name, "eth0");
	assert_int_equal(config->n_entries, 0);
	assert_int_equal(config->n_files, 1);
	assert_string_equal(config->files[0], "f");
	assert_int_equal(config->queue.number, 0);
	assert_int_equal(config->queue.workers, 1);
	assert_int_equal(config->queue.length, 8192);
	assert_true(config->queue.overload_pass && config->queue.malformed_pass);
	assert_int_equal(config->lookup, LOOKUP_AUTO);
	assert_int_equal(config->rules, CONFIG_RULES_AUTO);
	assert_string_equal(config->control.socket, "/run/icmpnatd/control");
	assert_string_equal(config->control.group, "icmpnatd");
	assert_int_equal(
		addrmap_find(&config->outside[0].maps[ADDRMAP_OUTER], (struct address){1, 1}), ADDRMAP_NONE);
	config_free(config);
}

static void every_setting(void **state)
{
	struct config *config =
		load_text("// all of it\r\n"
			  "control = { socket = \"/tmp/s\"; group = \"\" }\r\n"
			  "lookup: \"never\"; /* two\r\n lines */ maps = (); rules = \"own\"\r\n"
			  "queue = { number = 0x10, workers = 3, length = 1000;\r\n"
			  " overload = \"drop\"; malformed = \"drop\"; }; # comment\r\n"
			  "outside = ( \"eth0\", \"wg-a.1\" ) # no newline at the end",
			"");

	(void)state;
	assert_non_null(config);
	assert_int_equal(config->queue.number, 16);
	assert_int_equal(config->queue.workers, 3);
	assert_int_equal(config->queue.length, 1000);
	assert_false(config->queue.overload_pass || config->queue.malformed_pass);
	assert_int_equal(config->lookup, LOOKUP_NEVER);
	assert_int_equal(config->rules, CONFIG_RULES_OWN);
	assert_string_equal(config->control.socket, "/tmp/s");
	assert_string_equal(config->control.group, "");
	assert_string_equal(config->outside[1].name, "wg-a.1");
	config_free(config);
}

/* What libconfig 1.5 reads as something else without a word, or what some of its
 * releases take and others do not. */
static void traps_of_libconfig(void **state)
{
	static const struct bad cases[] = {
		{OUTSIDE "queue = { number = 4294967296; };", "f:2: 4294967296" DIGITS},
		{OUTSIDE "queue = { length =\n 99999999999; };", "f:3: 99999999999" DIGITS},
		{OUTSIDE "queue = { length = 0xffffffff; };", "f:2: 0xffffffff" DIGITS},
		{OUTSIDE "queue = { length = 0x100000001; };", "f:2: 0x100000001" DIGITS},
		{OUTSIDE "queue = { length = -4294967295; };", "f:2: -4294967295" DIGITS},
		{OUTSIDE "queue = { length = 010; };", "f:2: 010" DIGITS},
		{OUTSIDE "queue = { length = 0b11; };", "f:2: 0b11" DIGITS},
		{OUTSIDE "queue = { length = 5L; };", "f:2: 5L" DIGITS},
		{OUTSIDE "queue = { length = 4294967296.0; number = 99999999999; };",
			"f:2: 4294967296.0" DIGITS "f:2: 99999999999" DIGITS},
		{OUTSIDE "maps = ( { private = 10.0.0.1; } );", "f:2: 10.0.0.1" DIGITS},
		{OUTSIDE "queue = { length = 1111111111222222222233333333334444444444; };",
			"f:2: 1111111111222222222233333333334..." DIGITS},
		{OUTSIDE "queue = { workers = \"5\"; };",
			"f:2: queue.workers: expected an integer, found a string\n"},
		{OUTSIDE "queue = { workers = 3.7; };",
			"f:2: queue.workers: expected an integer, found a number with a fraction\n"},
		{OUTSIDE "\n/* maps\n" MAP(""), "f:3: a comment begins here and has no end: */ is missing\n"},
		{OUTSIDE "lookup = \"auto;\nqueue = {};", "f:2: a string has no closing quote on its line\n"},
		{"outside = [ \"eth0\" \"eth1\" ];", "f:1: \"eth1\"" UNEXPECTED},
		{"outside = [ \"eth0\", ];", "f:1: \"]\" follows a comma: remove the comma\n"},
		{OUTSIDE "maps = ( {} /* one */,\n # two\n );",
			"f:4: \")\" follows a comma: remove the comma\n"},
		{OUTSIDE "lookup = \"auto\";\nlookup = \"auto\";", "f:3: duplicate setting name: remove one of them\n"},
		{OUTSIDE "lookup = 1/**/2;", "f:2" SYNTAX},
	};

	(void)state;
	check_all(cases, COUNT(cases));
}

static void brackets_and_characters(void **state)
{
	static const struct bad cases[] = {
		{OUTSIDE "maps = ( {}\n {} );", "f:3" SYNTAX},
		{OUTSIDE "maps = (\n{\n", "f:4" SYNTAX},
		{OUTSIDE "maps = (\n{ );\n", "f:3" SYNTAX},
		{OUTSIDE "};\n", "f:2" SYNTAX},
		{OUTSIDE "a = ((((((((((((((((( 1 )))))))))))))))));\n",
			"f:2: unknown setting \"a\": " KNOWN "\n"},
		{"\xef\xbb\xbf" OUTSIDE,
			"f:1: unexpected byte 0xef: only comments and strings are free text\n"},
		{"outside = [ eth0.5, br-lan ];", "f:1: eth0.5" BARE "\"eth0.5\"\n"
						  "f:1: br-lan" BARE "\"br-lan\"\n"},
		{OUTSIDE "lookup = auto;", "f:2: auto" BARE "\"auto\"\n"},
		{OUTSIDE "maps = ( { npt = yes; } );", "f:2: yes" BARE "\"yes\"\n"},
		{OUTSIDE "queue = { workers = two; };", "f:2: two" BARE "\"two\"\n"},
		{OUTSIDE "maps = ( { private = fd00::/64; } );",
			"f:2: fd00::/64" BARE "\"fd00::/64\"\n"},
		{OUTSIDE "control: { socket = \"/x\"; };\nlookup = FALSE;",
			"f:3: lookup: expected a string, found true or false without quotes\n"},
		{OUTSIDE "%include", "f:2: unexpected \"%\": text stands between quotes, and a comment behind #\n"},
		{OUTSIDE "@import \"x\"", "f:2: expected @include \"FILE\"\n"},
		{OUTSIDE "@include \"\"", "f:2: expected @include \"FILE\"\n"},
		{OUTSIDE "@include x", "f:2: expected @include \"FILE\"\n"},
		{OUTSIDE "lookup \"auto\";", "f:2: \"auto\"" UNEXPECTED},
		{OUTSIDE "queue = { \"a\" };", "f:2: \"a\"" UNEXPECTED},
		{OUTSIDE "queue = { length = 1, \"a\" };", "f:2: \"a\"" UNEXPECTED},
		{"\"a\"", "f:1: \"a\"" UNEXPECTED},
		{OUTSIDE "maps = [ {} ];", "f:2" SYNTAX},
		{"outside = [ \"eth0\", 1 ];", "f:1: mismatched element type in array: put all of them between quotes, or none\n"},
	};

	(void)state;
	check_all(cases, COUNT(cases));
}

/* As many brackets as a file can hold: one mistake, and no end of the process. */
static void brackets_within_each_other(void **state)
{
	char text[CONFIG_TEXT_MAX + 1] = OUTSIDE "a = ";
	const size_t begin = strlen(text), half = (CONFIG_TEXT_MAX - begin) / 2;

	(void)state;
	for (int closed = 0; closed < 2; closed++) {
		struct config_errors errors = {0};

		memset(text + begin, '(', 2 * half);
		if (closed)
			memset(text + begin + half, ')', half);
		write_file("f", text);
		assert_null(config_load("f", &errors));
		assert_int_equal(errors.errors, 1);
	}
}

static void settings_are_checked(void **state)
{
	static const struct bad cases[] = {
		{"", "f: outside is missing: expected the interfaces that lead outside, like outside = [ "
		     "\"eth0\" ];\n"},
		{OUTSIDE "\n\nqueue = { workers = 0; };", "f:4: queue.workers is 0: expected 1 to 64\n"},
		{OUTSIDE "queue = {\n workers = 65;\n number = -1;\n length = 300000; };",
			"f:4: queue.number is -1: expected 0 to 65535\n"
			"f:3: queue.workers is 65: expected 1 to 64\n"
			"f:5: queue.length is 300000: expected 1 to 262144\n"},
		{OUTSIDE "queue = { workers = 2; number = 65535; };",
			"f:2: queue.workers is 2: with queue.number 65535 the last queue would be 65536, "
			"expected at most 65535\n"},
		{OUTSIDE "mode = \"test\";", "f:2: mode is \"test\": expected \"live\" or \"audit\"\n"},
		{OUTSIDE "mode = \"audit\"; queue = { workers = 2;\n number = 65471; };",
			"f:3: queue.number is 65471: an audit has its queues 64 numbers further on, and the "
			"last one would be 65536, expected at most 65535\n"},
		{OUTSIDE "queue = { overload = \"pas\"; malformed = true; };",
			"f:2: queue.overload is \"pas\": expected \"drop\" or \"pass\"\n"
			"f:2: queue.malformed: expected a string, found true or false without quotes\n"},
		{OUTSIDE "lookup = \"sometimes\";",
			"f:2: lookup is \"sometimes\": expected \"auto\", \"always\" or \"never\"\n"},
		{OUTSIDE "errors = \"forwarded\";",
			"f:2: errors is \"forwarded\": expected \"local\" or \"all\"\n"},
		{OUTSIDE "rules = \"mine\";",
			"f:2: rules is \"mine\": expected \"auto\", \"own\" or \"external\"\n"},
		{OUTSIDE "queue = 5;", "f:2: queue: expected a group { }, found an integer\n"},
		{OUTSIDE "control = ( \"a\" );", "f:2: control: expected a group { }, found a list ( )\n"},
		{OUTSIDE "extensions = \"keep\";", "f:2: extensions is \"keep\": expected \"translate\", "
						   "\"translate-addresses\", \"pass\", "
						   "\"strip-private\" or \"strip\"\n"},
		{OUTSIDE "lookup = [ \"a\" ];", "f:2: lookup: expected a string, found an array [ ]\n"},
		{OUTSIDE "lookup = { };", "f:2: lookup: expected a string, found a group { }\n"},
		{OUTSIDE "control = { socket = \"run/s\"; };",
			"f:2: control.socket is \"run/s\": expected an absolute path\n"},
		{OUTSIDE "control = { socket = \"/a\\nb\"; };",
			"f:2: control.socket has a control character in it: remove the backslash\n"},
		{OUTSIDE "control = { socket = \"/3456789012345678901234567890123456789012345678901234567890"
			 "12345678901234567890123456789012345678901234567890\"; };",
			"f:2: control.socket has 109 characters: expected at most 107\n"},
		{OUTSIDE "control = { group = \"a b\"; };", "f:2: control.group is \"a b\": expected the "
							    "name of a group, at most 31 characters\n"},
	};

	(void)state;
	check_all(cases, COUNT(cases));
}

static void unknown_names_are_refused(void **state)
{
	static const struct bad cases[] = {
		{OUTSIDE "lookup \"a\033[2J\";", "f:2: \"a?[2J\" stands where no text is expected: a comma "
						 "or = is missing before it\n"},
		{OUTSIDE "outsid = 1;", "f:2: unknown setting \"outsid\": " KNOWN "\n"},
		{OUTSIDE "foo = 1;\nbar = { baz = 1; };", "f:2: unknown setting \"foo\": " KNOWN "\n"
							  "f:3: unknown setting \"bar\": " KNOWN "\n"},
		{OUTSIDE "queue = { Number = 1; worker = 1; max = 1; };",
			"f:2: unknown setting \"Number\": " OF_QUEUE "\n"
			"f:2: unknown setting \"worker\": " OF_QUEUE "\n"
			"f:2: unknown setting \"max\": expected number, workers, length, overload or "
			"malformed\n"},
		{OUTSIDE "control = { gruop = \"a\"; path = \"b\"; };",
			"f:2: unknown setting \"gruop\": expected socket or group\n"
			"f:2: unknown setting \"path\": expected socket or group\n"},
		{MAP("{ privat = \"10.0.0.1\"; public = \"192.0.2.1\"; }"),
			"f:2: unknown setting \"privat\": " OF_MAP "\n"
			"f:2: a map without private: expected { private = \"A\"; public = \"B\"; }\n"},
	};

	(void)state;
	check_all(cases, COUNT(cases));
}

static void interfaces_are_checked(void **state)
{
#define NAME " is not an interface name: expected 1 to 15 letters, digits and . _ - @\n"
	static const struct bad cases[] = {
		{"outside = \"eth0\";",
			"f:1: outside: expected an array of interfaces like [ \"eth0\" ], found a string\n"},
		{"outside = [ ];", "f:1: outside has 0 interfaces: expected 1 to 16\n"},
		{"outside = ( \"eth0\",\n5 );",
			"f:2: an element of outside: expected a string, found an integer\n"},
		{"outside = [ \"eth0\",\n \"eth0\" ];",
			"f:2: outside has \"eth0\" twice: remove one of them\n"},
		{"outside = [ \"\", \"eth 0\", \"a/b\", \"eth+\", \"-e\", \"..\",\n \"sixteen-bytes-xx\", "
		 "\"a'b\", \"\\\"\" ];",
			"f:1: \"\"" NAME "f:1: \"eth 0\"" NAME "f:1: \"a/b\"" NAME "f:1: \"eth+\"" NAME
			"f:1: \"-e\"" NAME "f:1: \"..\"" NAME "f:2: \"sixteen-bytes-xx\"" NAME
			"f:2: \"a'b\"" NAME "f:2: \"\"\"" NAME},
		{"outside = [ \"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", \"k\", "
		 "\"l\", \"m\", \"n\","
		 " \"o\", \"p\", \"q\" ];",
			"f:1: outside has 17 interfaces: expected 1 to 16\n"},
		/* no second complaint about what follows from the first */
		{"outside = [ \"eth 0\" ];\nmaps = ( { private = \"10.0.0.1\"; public = \"192.0.2.1\"; "
		 "outside = \"eth 0\"; } );",
			"f:1: \"eth 0\"" NAME},
	};

	(void)state;
	check_all(cases, COUNT(cases));
}

static void sides_are_checked(void **state)
{
#define SIDE ": expected an address or a prefix, like 192.0.2.1 or 2001:db8::/64\n"
#define MAPPED                                                                                               \
	" takes in IPv4 as ::ffff:0:0/96: expected an IPv4 address as a.b.c.d, or a part of IPv6 like "      \
	"2000::/3 or fc00::/7\n"
	static const struct bad cases[] = {
		{MAP("{ }"), "f:2: a map without private: expected { private = \"A\"; public = \"B\"; }\n"
			     "f:2: a map without public: expected { private = \"A\"; public = \"B\"; }\n"},
		{MAP("5"), "f:2: an element of maps: expected a group { private = \"A\"; public = \"B\"; }, "
			   "found an integer\n"},
		{OUTSIDE "maps = { };", "f:2: maps: expected a list ( ) of maps, found a group { }\n"},
		{MAP("{ private = 5; public = \"192.0.2.1\"; }"),
			"f:2: private: expected a string, found an integer\n"},
		{MAP("{ private = \"10.0.0\";\n public = \"host\"; }"),
			"f:2: private is \"10.0.0\"" SIDE "f:3: public is \"host\"" SIDE},
		{MAP("{ private = \"\"; public = \"/24\"; }"),
			"f:2: private is \"\"" SIDE "f:2: public is \"/24\"" SIDE},
		{MAP("{ private = \"010.0.0.1\"; public = \" 192.0.2.1\"; }"),
			"f:2: private is \"010.0.0.1\"" SIDE "f:2: public is \" 192.0.2.1\"" SIDE},
		{MAP("{ private = \"fe80::1%eth0\"; public = \"2001:db8::1:2:3:4:5:6:7:8:9:10:11:12:13:14\"; "
		     "}"),
			"f:2: private is \"fe80::1%eth0\"" SIDE
			"f:2: public is \"2001:db8::1:2:3:4:5:6:7:8:9:10:11:12:13:14\"" SIDE},
		{MAP("{ private = \"10.0.0.0/33\"; public = \"2001:db8::/129\"; }"),
			"f:2: private is \"10.0.0.0/33\": expected a length of 0 to 32 after the slash\n"
			"f:2: public is \"2001:db8::/129\": expected a length of 0 to 128 after the slash\n"},
		{MAP("{ private = \"10.0.0.0/\"; public = \"192.0.2.0/24 \"; }"),
			"f:2: private is \"10.0.0.0/\": expected a length of 0 to 32 after the slash\n"
			"f:2: public is \"192.0.2.0/24 \": expected a length of 0 to 32 after the slash\n"},
		{MAP("{ private = \"10.0.0.0/-1\"; public = \"192.0.2.0/024\"; }"),
			"f:2: private is \"10.0.0.0/-1\": expected a length of 0 to 32 after the slash\n"
			"f:2: public is \"192.0.2.0/024\": expected a length of 0 to 32 after the slash\n"},
		{MAP("{ private = \"10.1.2.3/16\"; public = \"2001:db8::1/64\"; }"),
			"f:2: private 10.1.2.3/16 has bits beyond its length: expected 10.1.0.0/16\n"
			"f:2: public 2001:db8::1/64 has bits beyond its length: expected 2001:db8::/64\n"},
		{MAP("{ private = \"10.0.0.1\"; public = \"2001:db8::1\"; }"),
			"f:2: private is IPv4 and public is IPv6: expected one family\n"},
		{MAP("{ private = \"10.0.0.0/24\"; public = \"192.0.2.0/23\"; }"),
			"f:2: private has length 24 and public 23: expected a public side of the same "
			"length, "
			"or a longer one\n"},
		{MAP("{ private = \"fd00::/48\"; public = \"2001:db8::/32\"; }"),
			"f:2: private has length 48 and public 32: expected a public side of the same "
			"length, "
			"or a longer one\n"},
		{MAP("{ private = \"::/0\"; public = \"::ffff:192.0.2.1\"; }"),
			"f:2: private ::/0" MAPPED "f:2: public ::ffff:192.0.2.1" MAPPED},
		{MAP("{ private = \"::/64\"; public = \"::ffff:0:0/97\"; }"),
			"f:2: private ::/64" MAPPED "f:2: public ::ffff:0:0/97" MAPPED},
	};

	(void)state;
	check_all(cases, COUNT(cases));
}

/* Ranges of private.def. */
static void public_side_is_public(void **state)
{
	static const struct {
		const char *private, *public, *overlaps;
	} cases[] = {
		{"1.0.0.1", "10.1.2.3", "10.0.0.0/8 (private, RFC 1918)"},
		{"8.0.0.0/6", "8.0.0.0/6", NULL},
		{"4.0.0.0/6", "8.0.0.0/6", "10.0.0.0/8 (private, RFC 1918)"},
		{"0.0.0.0/5", "8.0.0.0/6", "10.0.0.0/8 (private, RFC 1918)"},
		{"4.0.0.0/6", "8.0.0.0/7", NULL},
		{"4.0.0.0/6", "10.1.2.0/29", "10.0.0.0/8 (private, RFC 1918)"},
		{"1.0.0.1", "172.31.255.255", "172.16.0.0/12 (private, RFC 1918)"},
		{"1.0.0.1", "172.32.0.0", NULL},
		{"1.0.0.1", "192.168.1.1", "192.168.0.0/16 (private, RFC 1918)"},
		{"1.0.0.1", "100.127.255.255", "100.64.0.0/10 (shared address space, RFC 6598)"},
		{"1.0.0.1", "169.254.9.9", "169.254.0.0/16 (link-local)"},
		{"1.0.0.1", "0.0.0.1", "0.0.0.0/8 (this network)"},
		{"1.0.0.1", "127.0.0.1", "127.0.0.0/8 (loopback)"},
		{"1.0.0.1", "224.0.0.1", "224.0.0.0/4 (multicast)"},
		{"1.0.0.1", "255.255.255.255", "240.0.0.0/4 (reserved)"},
		{"1.0.0.1", "223.255.255.255", NULL},
		{"2001:db8::1", "fd00::1", "fc00::/7 (unique local, RFC 4193)"},
		{"2001:db8::1", "fe80::1", "fe80::/10 (link-local)"},
		{"1.0.0.1", "192.0.0.8", "192.0.0.0-192.0.0.8 (protocol assignments, RFC 6890)"},
		{"1.0.0.1", "192.0.0.9", NULL},
		{"1.0.0.0/24", "192.0.0.0/24", "192.0.0.0-192.0.0.8 (protocol assignments, RFC 6890)"},
		{"1.0.0.1", "198.19.1.1", "198.18.0.0/15 (benchmarking, RFC 2544)"},
		{"1.0.0.0/24", "198.51.100.0/24", NULL},
		{"2001:db8::1", "fec0::1", "fec0::/10 (site-local, RFC 3879)"},
		{"2001:db8::1", "2001:2::1",
			"2001:1::4-2001:2:ffff:ffff:ffff:ffff:ffff:ffff (protocol assignments, RFC 2928)"},
		{"fd00::/32", "2001:db8::/32", NULL},
		{"fd00::/32", "2001:4::/32",
			"2001:4::-2001:4:111:ffff:ffff:ffff:ffff:ffff (protocol assignments, RFC 2928)"},
		{"2001:db8::1", "ff02::1", "ff00::/8 (multicast)"},
		{"2001:db8::1", "::1", "::/127 (unspecified and loopback)"},
		{"fd00::1", "2001:db8::1", NULL},
		{"10.0.0.1", "10.0.0.1", NULL},
	};
	char text[300], said[300];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), MAP("{ private = \"%s\"; public = \"%s\"; }"), cases[i].private,
			cases[i].public);
		snprintf(said, sizeof(said),
			"f:2: public %s overlaps %s: expected addresses that are routed on the Internet\n",
			cases[i].public, cases[i].overlaps ? cases[i].overlaps : "");
		config_free(load_text(text, cases[i].overlaps ? said : ""));
	}
}

static void scope_is_checked(void **state)
{
	static const struct bad cases[] = {
		{MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; outside = \"eth1\"; }"),
			"f:2: outside is \"eth1\": expected one of the interfaces that the setting outside "
			"of the file lists\n"},
		{MAP("{ private = \"fd00::/64\"; public = \"2001:db8::/64\"; npt = \"yes\"; }"),
			"f:2: npt: expected true or false, found a string\n"},
		{MAP("{ private = \"fd00::/65\"; public = \"2001:db8::/65\";\nnpt = true; }"),
			"f:3: npt with lengths of 65 and 65 bits" OF_NPT},
		{MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; part = \"both\"; }"),
			"f:2: part is \"both\": expected \"outer\" or \"inner\"\n"},
		{MAP("{ private = \"10.0.0.0/8\"; public = \"192.0.2.1\"; part = \"inner\"; }"),
			"f:2: part is \"inner\", but several private addresses become one: expected sides of "
			"equal length\n"},
		{MAP("{ private = \"fd00::/64\"; public = \"2001:db8::/125\"; part = \"inner\"; }"),
			"f:2: part is \"inner\", but several private addresses become one: expected sides of "
			"equal length\n"},
		{MAP("{ private = \"10.0.0.1\"; public = \"10.0.0.2\"; outside = \"x\"; }"),
			"f:2: public 10.0.0.2 overlaps 10.0.0.0/8 (private, RFC 1918): expected addresses "
			"that are routed on the Internet\n"
			"f:2: outside is \"x\": expected one of the interfaces that the setting outside of "
			"the file lists\n"},
	};

	(void)state;
	check_all(cases, COUNT(cases));
}

/* Of the interface that is named, or of all; of a family one each. */
static void hop_names_are_read(void **state)
{
	struct config *config = load_text(
		"outside = [ \"a\", \"b\" ];\n"
		"hop_names = ( { address = \"192.0.2.1\"; },\n"
		"{ address = \"2001:db8::1\"; outside = \"b\"; errors = \"all\"; } );\n"
		"maps = ( { private = \"0.0.0.0/0\"; public = \"192.0.2.0/29\"; } );",
		"");
	const struct config_outside *a = &config->outside[0], *b = &config->outside[1];

	(void)state;
	assert_true(address_equal(a->hop_names[0].address, (struct address){0, 0xffffc0000201}));
	assert_true(address_equal(b->hop_names[0].address, a->hop_names[0].address));
	assert_true(address_equal(b->hop_names[1].address, (struct address){UINT64_C(0x20010db8) << 32, 1}));
	assert_int_equal(a->hop_names[0].line, 2);
	assert_int_equal(a->hop_names[1].line, 0);
	assert_int_equal(b->hop_names[1].line, 3);
	assert_true(b->hop_names[1].all && !b->hop_names[0].all);
	config_free(config);
}

static void hop_names_are_checked(void **state)
{
#define NAMES(names) OUTSIDE "hop_names = ( " names " );\n"
	static const struct bad cases[] = {
		{OUTSIDE "hop_names = \"192.0.2.1\";", "f:2: hop_names: expected a list ( ) of groups "
						       "{ address = \"A\"; }, found a string\n"},
		{NAMES("\"192.0.2.1\""), "f:2: an element of hop_names: expected a group { address = \"A\"; }, "
					 "found a string\n"},
		{NAMES("{ }"), "f:2: a hop name without address: expected { address = \"A\"; }\n"},
		{NAMES("{ address = 5; }"), "f:2: address: expected a string, found an integer\n"},
		{NAMES("{ address = \"host\"; }"), "f:2: address is \"host\"" SIDE},
		{NAMES("{ address = \"192.0.2.0/24\"; }"),
			"f:2: address is \"192.0.2.0/24\": expected a single address\n"},
		{NAMES("{ address = \"10.0.0.1\"; }"),
			"f:2: address 10.0.0.1 overlaps 10.0.0.0/8 (private, RFC 1918): expected addresses that "
			"are routed on the Internet\n"},
		{NAMES("{ address = \"192.0.2.1\"; outside = \"eth1\"; errors = \"some\"; name = \"x\"; }"),
			"f:2: unknown setting \"name\": expected outside, address or errors\n"
			"f:2: outside is \"eth1\": expected one of the interfaces that the setting outside of the "
			"file lists\n"
			"f:2: errors is \"some\": expected \"time-exceeded\" or \"all\"\n"},
		{NAMES("{ address = \"192.0.2.1\"; },\n{ address = \"2001:db8::1\"; },\n"
		       "{ address = \"192.0.2.1\"; outside = \"eth0\"; }"),
			"f:4: eth0 has a hop name for IPv4 already, at f:2: remove one of them\n"},
		{NAMES("{ address = \"192.0.2.1\"; }") "maps = ( { private = \"192.0.0.0/16\"; "
						       "public = \"198.51.100.1\"; } );",
			"f:2: address 192.0.2.1 would be translated by the map at f:3: except it by "
			"{ private = \"192.0.2.1\"; public = \"192.0.2.1\"; }\n"},
		{"outside = [ \"eth0\", \"eth1\", \"eth2\" ];\nhop_names = ( { address = \"192.0.2.1\"; } );\n"
		 "maps = ( { private = \"192.0.0.0/16\"; public = \"198.51.100.1\"; } );",
			"f:2: address 192.0.2.1 would be translated by the map at f:3: except it by "
			"{ private = \"192.0.2.1\"; public = \"192.0.2.1\"; }\n"},
		{"outside = 5;\nhop_names = ( { address = \"192.0.2.1\"; outside = \"eth0\"; } );",
			"f:1: outside: expected an array of interfaces like [ \"eth0\" ], found an integer\n"},
	};

	(void)state;
	check_all(cases, COUNT(cases));
}

static void clashes_name_both_lines(void **state)
{
	static const struct bad cases[] = {
		{MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; },\n"
		     "{ private = \"10.0.0.1\"; public = \"192.0.2.2\"; },\n"
		     "{ private = \"10.0.0.1/32\"; public = \"192.0.2.3\"; part = \"inner\"; }"),
			"f:3: private 10.0.0.1 has a map already, at f:2: remove one of them\n"
			"f:4: private 10.0.0.1 has a map already, at f:2: remove one of them\n"},
		{MAP("{ private = \"fd00::/64\"; public = \"2001:db8::/64\"; part = \"outer\"; },\n"
		     "{ private = \"fd00::/64\"; public = \"2001:db8:1::/64\"; part = \"inner\"; },\n"
		     "{ private = \"fd00::/64\"; public = \"2001:db8:2::/64\"; part = \"inner\"; },\n"
		     "{ private = \"nonsense\"; public = \"2001:db8:2::/64\"; part = \"inner\"; }"),
			"f:5: private is \"nonsense\"" SIDE
			"f:4: private fd00::/64 has a map already, at f:3: remove one of them\n"},
	};

	(void)state;
	check_all(cases, COUNT(cases));
	config_free(load_text(MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; },\n"
				  "{ private = \"10.0.0.1\"; public = \"192.0.2.2\"; outside = \"eth0\"; },\n"
				  "{ private = \"10.0.0.0/24\"; public = \"192.0.2.0/24\"; }"),
		""));
}

static void chains_name_both_lines(void **state)
{
#define AGAIN(public, line)                                                                                  \
	"public " public " would be translated again by the map at f:" line                                  \
			 ": except it by { private = \"" public "\"; public = \"" public "\"; }\n"
	static const struct bad cases[] = {
		{MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; },\n"
		     "{ private = \"192.0.2.0/24\"; public = \"198.51.100.0/24\"; }"),
			"f:2: " AGAIN("192.0.2.1", "3")},
		{MAP("{ private = \"10.0.0.0/24\"; public = \"192.0.2.0/24\"; },\n"
		     "{ private = \"192.0.2.9\"; public = \"198.51.100.9\"; outside = \"eth0\"; }"),
			"f:2: " AGAIN("192.0.2.0/24", "3")},
		{MAP("{ private = \"0.0.0.0/0\"; public = \"203.0.113.1\"; },\n"
		     "{ private = \"10.0.0.0/24\"; public = \"192.0.2.0/24\"; }"),
			"f:3: " AGAIN("192.0.2.0/24", "2")},
		{MAP("{ private = \"192.0.2.1\"; public = \"192.0.2.2\"; },\n"
		     "{ private = \"192.0.2.2\"; public = \"192.0.2.1\"; }"),
			"f:2: " AGAIN("192.0.2.2", "3") "f:3: " AGAIN("192.0.2.1", "2")},
		{MAP("{ private = \"10.0.0.0/8\"; public = \"192.0.2.0/29\"; },\n"
		     "{ private = \"192.0.2.6\"; public = \"198.51.100.1\"; }"),
			"f:2: " AGAIN("192.0.2.0/29", "3")},
		/* into the half of itself that is an exception but for one address */
		{MAP("{ private = \"0.0.0.0/0\"; public = \"192.0.2.0/28\"; },\n"
		     "{ private = \"10.0.0.0/8\"; public = \"192.0.2.0/29\"; },\n"
		     "{ private = \"192.0.2.0/30\"; public = \"192.0.2.0/30\"; },\n"
		     "{ private = \"192.0.2.7\"; public = \"192.0.2.9\"; }"),
			"f:2: " AGAIN("192.0.2.0/28", "5") "f:3: " AGAIN("192.0.2.0/29", "5")},
		/* to one end of its own pool */
		{MAP("{ private = \"0.0.0.0/0\"; public = \"192.0.2.0/29\"; },\n"
		     "{ private = \"10.0.0.0/8\"; public = \"192.0.2.0/28\"; }"),
			"f:3: " AGAIN("192.0.2.0/28", "2")},
	};
	static const char *const good[] = {
		/* many to one of themselves; several to the same one */
		MAP("{ private = \"0.0.0.0/0\"; public = \"203.0.113.1\"; },"
		    "{ private = \"10.0.0.0/24\"; public = \"203.0.113.1\"; }"),
		/* pools: of themselves, part of another, an address of one */
		MAP("{ private = \"0.0.0.0/0\"; public = \"203.0.113.0/28\"; },"
		    "{ private = \"203.0.113.8/30\"; public = \"203.0.113.8/30\"; },"
		    "{ private = \"10.0.0.0/24\"; public = \"203.0.113.0/29\"; },"
		    "{ private = \"10.0.1.0/24\"; public = \"203.0.113.15\"; }"),
		/* an exception */
		MAP("{ private = \"0.0.0.0/0\"; public = \"203.0.113.1\"; },"
		    "{ private = \"10.0.0.0/24\"; public = \"192.0.2.0/24\"; },"
		    "{ private = \"192.0.2.0/24\"; public = \"192.0.2.0/24\"; }"),
		/* never the same packet */
		"outside = [ \"a\", \"b\" ]; maps = ("
		"{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; outside = \"a\"; },"
		"{ private = \"192.0.2.1\"; public = \"192.0.2.2\"; outside = \"b\"; } );",
		/* never the same address */
		MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; part = \"inner\"; },"
		    "{ private = \"192.0.2.1\"; public = \"192.0.2.2\"; part = \"outer\"; }"),
	};

	(void)state;
	check_all(cases, COUNT(cases));
	for (size_t i = 0; i < COUNT(good); i++)
		config_free(load_text(good[i], ""));
}

static void tables_hold_what_is_configured(void **state)
{
	struct config *config =
		load_text("outside = [ \"a\", \"b\", \"c\" ];\n"
			  "maps = ( { private = \"10.0.0.0/8\"; public = \"192.0.2.1\"; },\n"
			  "{ private = \"10.1.0.0/16\"; public = \"172.15.0.0/16\"; },\n"
			  "{ private = \"10.1.2.3\"; public = \"192.0.2.9\"; outside = \"b\"; } );",
			"");
	struct prefix p;
	const struct config_value address = {"private", "10.1.2.3", {"f", 0, 1}};
	struct config_errors errors = {0};
	const struct config_outside *o = config->outside;

	(void)state;
	assert_true(config_prefix_parse(&p, &address, &errors));
	assert_int_equal(config->entries[addrmap_find(&o[0].maps[ADDRMAP_OUTER], p.base)].line, 3);
	assert_int_equal(config->entries[addrmap_find(&o[1].maps[ADDRMAP_OUTER], p.base)].line, 4);
	assert_int_equal(config->entries[addrmap_find(&o[1].maps[ADDRMAP_INNER], p.base)].line, 4);
	assert_ptr_equal(o[0].maps[ADDRMAP_OUTER].ranges, o[2].maps[ADDRMAP_OUTER].ranges);
	p.base.lo += 1 << 24; /* 11.1.2.3 */
	assert_int_equal(addrmap_find(&o[0].maps[ADDRMAP_OUTER], p.base), ADDRMAP_NONE);
	p.base.lo -= (1 << 24) - (1 << 16); /* 10.2.2.3: many to one is not for the inner part */
	assert_int_equal(config->entries[addrmap_find(&o[0].maps[ADDRMAP_OUTER], p.base)].line, 2);
	assert_int_equal(addrmap_find(&o[0].maps[ADDRMAP_INNER], p.base), ADDRMAP_NONE);
	config_free(config);
}

static void equal_parts_share_a_table(void **state)
{
	struct config *config = load_text(MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; }"), "");

	(void)state;
	assert_ptr_equal(
		config->outside[0].maps[ADDRMAP_OUTER].ranges, config->outside[0].maps[ADDRMAP_INNER].ranges);
	config_free(config);
}

static uint8_t random_byte(unsigned below)
{
	return (uint8_t)((unsigned)rand() % below);
}

/* An address of 198.51.100.0/24. */
static struct address random_address(void)
{
	return (struct address){0, UINT64_C(0xffffc6336400) | random_byte(0x100)};
}

static struct prefix random_prefix(uint8_t length)
{
	struct prefix p = {random_address(), length};

	p.base.lo &= ~prefix_host_mask(length).lo;
	return p;
}

/* A random map of 198.51.100.0/24 to itself: an exception, 1:1, a pool or many to one. */
static struct addrmap_entry random_entry(void)
{
	const struct prefix private = random_prefix(120 + random_byte(9));
	struct addrmap_entry entry = {
		.private = private,
		.public = random_prefix(private.length),
		.outside = random_byte(3) ? (uint8_t)ADDRMAP_ANY : random_byte(2),
		.parts = random_byte(2) ? 3 : 1 + random_byte(2),
	};

	if (random_byte(3) == 0) {
		entry.public = private;
	} else if (random_byte(3) == 0) {
		entry.public = random_prefix(
			random_byte(2) ? 128 : private.length + random_byte(129 - private.length));
		entry.parts = 1 << ADDRMAP_OUTER;
	}
	return entry;
}

static struct address translate_once(const struct addrmap *table, struct address a)
{
	const uint32_t map = addrmap_find(table, a);

	return map == ADDRMAP_NONE ? a : addrmap_apply(&table->entries[map], a);
}

/* What the check of chains accepts, translates twice as once. */
static void accepted_maps_are_idempotent(void **state)
{
	unsigned accepted = 0;
	char *name[] = {(char[]){"f"}};

	(void)state;
	srand(7);
	for (int set = 0; set < 20000; set++) {
		struct addrmap_entry entries[4];
		struct config config = {.files = name, .n_files = 1, .n_outside = 2, .entries = entries};
		struct config_errors errors = {0};

		for (config.n_entries = 0; config.n_entries < (size_t)(2 + set % 3);)
			entries[config.n_entries++] = random_entry();
		config_clashes_check(&config, &errors);
		if (errors.errors == 0) {
			assert_true(config_tables_build(&config));
			assert_true(config_chains_check(&config, &errors));
		}
		accepted += errors.errors == 0;
		for (uint64_t i = 0; errors.errors == 0 && i < 4 * 256; i++) {
			const struct addrmap *table = &config.outside[i / 256 % 2].maps[i / 512];
			const struct address once = translate_once(
				table, (struct address){0, UINT64_C(0xffffc6336400) + i % 256});

			assert_true(address_equal(translate_once(table, once), once));
		}
		free(config.ranges);
		free(config.index.nodes);
		free(config.index.slots);
	}
	assert_true(accepted >= 2000 && accepted <= 18000);
}

static void files_are_included(void **state)
{
	struct config *config;

	(void)state;
	mkdir("d", 0777);
	write_file("d/a", "# a\n{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; },\n@include \"b\"");
	write_file("d/b", "\n\n{ private = \"10.0.0.2\"; public = \"192.0.2.2\"; } // no newline");
	config = load_text(OUTSIDE
		"maps = ( @include \"d/a\" ,\n{ private = \"10.0.0.3\"; public = \"192.0.2.3\"; } );",
		"");
	assert_int_equal(config->n_files, 3);
	assert_string_equal(config->files[1], "d/a");
	assert_string_equal(config->files[2], "d/b");
	assert_int_equal(config->n_entries, 3);
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(config->entries[i].file, (i + 1) % 3);
	assert_int_equal(config->entries[0].line, 2);
	assert_int_equal(config->entries[1].line, 3);
	assert_int_equal(config->entries[2].line, 3);
	config_free(config);
}

static void errors_name_the_included_file(void **state)
{
	(void)state;
	mkdir("d", 0777);
	write_file("d/a", "\nlookup = 5;\nqueue = { }");
	assert_null(load_text(OUTSIDE "@include \"d/a\" control = 1;\nfoo = 1;",
		"f:3: unknown setting \"foo\": " KNOWN "\n"
		"d/a:2: lookup: expected a string, found an integer\n"
		"f:2: control: expected a group { }, found an integer\n"));
	write_file("d/a", "\nlookup 5;\n");
	assert_null(load_text(OUTSIDE "@include \"d/a\"", "d/a:2" SYNTAX));
	write_file("d/a", "\n\n( /*");
	assert_null(load_text(
		OUTSIDE "@include \"d/a\"", "d/a:3: a comment begins here and has no end: */ is missing\n"));
	write_file("d/a", "\n(");
	assert_null(load_text(OUTSIDE "@include \"d/a\"\n)", "d/a:2" SYNTAX));
	write_file("d/a", "\n))");
	assert_null(load_text(OUTSIDE "maps = (\n@include \"d/a\"\n", "d/a:2" SYNTAX));
	assert_null(load_text(
		OUTSIDE "@include \"none\"", "f:2: cannot include none: No such file or directory: create it, or correct its name\n"));
	assert_null(load_text(
		OUTSIDE "@include \"/none/x\"", "f:2: cannot include /none/x: No such file or directory: create it, or correct its name\n"));
	write_file("d/a", "@include \"none\"");
	assert_null(load_text(
		OUTSIDE "@include \"d/a\"", "d/a:1: cannot include d/none: No such file or directory: create it, or correct its name\n"));
}

static void includes_are_bounded(void **state)
{
	char name[16], text[64], last[] = "i10";

	(void)state;
	assert_null(load_text("@include \"f\"", "f:1: cannot include f: it includes itself: remove this @include\n"));
	mkdir("d", 0777);
	write_file("d/a", "\n@include \"../f\"");
	assert_null(load_text("@include \"d/a\"", "d/a:2: cannot include d/../f: it includes itself: remove this @include\n"));
	for (int i = 1; i < 10; i++) {
		snprintf(name, sizeof(name), "i%d", i);
		snprintf(text, sizeof(text), "@include \"i%d\"", i + 1);
		write_file(name, text);
	}
	write_file(last, OUTSIDE);
	config_free(load("i2", ""));
	config_free(load("i1", ""));
	write_file("i0", "@include \"i1\"");
	assert_null(load("i0", "i9:1: cannot include i10: files are included too deeply: at most 10\n"));
	/* beside each other any number: the same file is no cycle */
	write_file("e", "# empty");
	config_free(load_text(OUTSIDE "@include \"e\"\n@include \"e\"\n", ""));
}

static void only_regular_files_are_read(void **state)
{
	static const char nul[] = "outside\0 = 1;";

	(void)state;
	assert_null(load("none", "none: No such file or directory: create it, or correct its name\n"));
	assert_null(load(".", ".: it is a directory: expected a file\n"));
	assert_null(load("/dev/null", "/dev/null: it is not a regular file: expected one\n"));
	mkfifo("fifo", 0666);
	assert_null(load("fifo", "fifo: it is not a regular file: expected one\n"));
	assert_null(load_text("@include \"fifo\"", "f:1: cannot include fifo: it is not a regular file: expected one\n"));
	assert_null(load_text("@include \"/\"", "f:1: cannot include /: it is a directory: expected a file\n"));
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_null(load("loop", "loop: Too many levels of symbolic links\n"));
	write_bytes("f", nul, sizeof(nul) - 1);
	assert_null(load("f", "f:1: a NUL byte: this is not a text file\n"));
	write_file("big", "");
	assert_int_equal(truncate("big", CONFIG_TEXT_MAX + 1), 0);
	assert_null(load("big", "big: " TOO_LONG "\n"));
	assert_null(load_text("\n@include \"big\"", "f:2: cannot include big: " TOO_LONG "\n"));
	unlink("big");
}

static void long_lists_of_mistakes_end(void **state)
{
	char text[1000] = OUTSIDE, said[4000] = "";

	(void)state;
	for (int i = 0; i < 25; i++) {
		sprintf(text + strlen(text), "zzzz%d = 1;\n", i);
		if (i < CONFIG_ERRORS_MAX)
			sprintf(said + strlen(said), "f:%d: unknown setting \"zzzz%d\": " KNOWN "\n", i + 2,
				i);
	}
	strcat(said, "and 5 more mistakes\n");
	assert_null(load_text(text, said));
}

#define FORM "expected PRIVATE PUBLIC [outside INTERFACE] [part outer|inner] [npt]\n"

/* Loads a file that names the table "t", after some lines of its own. */
static struct config *load_table(const char *lines, const char *table, const char *expected)
{
	char text[1000];

	snprintf(text, sizeof(text), "%s\nmaps_file = \"t\";\n", lines);
	write_file("t", table);
	return load_text(text, expected);
}

static void table_is_read(void **state)
{
	struct config *config = load_table("outside = [ \"a\", \"b\" ];\n"
					   "maps = ( { private = \"10.0.0.1\"; public = \"192.0.2.1\"; } );",
		"# a comment\r\n"
		"\n"
		"10.0.0.2 192.0.2.2\n"
		"\t10.0.0.3\t \t192.0.2.3  outside b\tpart inner# comment\r\n"
		"10.0.0.4 192.0.2.4 part outer outside a\n"
		"fd00::/64 2001:db8::/64 part inner",
		"");

	(void)state;
	assert_int_equal(config->n_files, 2);
	assert_string_equal(config->files[1], "t");
	assert_int_equal(config->n_entries, 5);
	for (uint32_t i = 0; i < 4; i++) { /* sorted by their private sides */
		assert_int_equal(config->entries[i].file, i > 0);
		assert_int_equal(config->entries[i].line, i + 2);
	}
	assert_int_equal(config->entries[1].parts, 3);
	assert_int_equal(config->entries[1].outside, ADDRMAP_ANY);
	assert_int_equal(config->entries[2].parts, 1 << ADDRMAP_INNER);
	assert_int_equal(config->entries[2].outside, 1);
	assert_int_equal(config->entries[3].parts, 1 << ADDRMAP_OUTER);
	assert_int_equal(config->entries[3].outside, 0);
	assert_int_equal(config->entries[4].line, 6);
	config_free(config);
}

/* NPTv6 is for maps of prefixes that say so, and that are no exceptions. */
static void maps_are_npt(void **state)
{
	struct config *config = load_table(MAP("{ private = \"fd00::/48\"; public = \"2001:db8::/48\"; npt = true; },\n"
					       "{ private = \"fd01::/48\"; public = \"2001:db9::/48\"; npt = false; }"),
		"fd02::/64 2001:db8:2::/64 npt\n"
		"fd03::/48 2001:db8:3::/48 part inner npt outside eth0\n"
		"fd03::/48 2001:db8:4::/48 npt part outer outside eth0\n"
		"2001:db8:9::/64 2001:db8:9::/64 npt\n",
		"");
	static const uint8_t parts[] = {3, 3 | ADDRMAP_NPT, 3, 3 | ADDRMAP_NPT,
		1 << ADDRMAP_INNER | ADDRMAP_NPT, 1 << ADDRMAP_OUTER | ADDRMAP_NPT};

	(void)state;
	assert_int_equal(config->n_entries, COUNT(parts));
	for (size_t i = 0; i < COUNT(parts); i++) /* sorted by their private sides */
		assert_int_equal(config->entries[i].parts, parts[i]);
	config_free(config);
	assert_null(load_table(MAP("{ private = \"fd00::/48\"; public = \"2001:db8::/48\"; npt = true; }"),
		"2001:db8:0:7::/64 2001:db9::/64", "f:2: public 2001:db8::/48 would be translated again by the map at t:1: except it by "
		"{ private = \"2001:db8::/48\"; public = \"2001:db8::/48\"; }\n"));
	assert_null(load_table(OUTSIDE, "2001:db8::/48 2001:db9::/48 npt\nfd00::1 2001:db8::1",
		"t:2: public 2001:db8::1 would be translated again by the map at t:1: except it by "
		"{ private = \"2001:db8::1\"; public = \"2001:db8::1\"; }\n"));
	assert_null(load_table(OUTSIDE, "fd00::/48 2001:db8::/48 npt\nfd00::/48 2001:db9::/48 npt part inner",
		"t:2: private fd00::/48 has a map already, at t:1: remove one of them\n"));
}

/* What is wrong with a map is said in the same words as in the file. */
static void table_is_checked(void **state)
{
	static const struct bad cases[] = {
		{"10.0.0.1", "t:1: a map without public: " FORM},
		{"\n10.0.0 host", "t:2: private is \"10.0.0\"" SIDE "t:2: public is \"host\"" SIDE},
		{"10.0.0.1 192.0.2.1 eth0", "t:1: unknown word \"eth0\": " FORM},
		{"10.0.0.1 192.0.2.1 outside", "t:1: outside without a value: " FORM},
		{"10.0.0.1 192.0.2.1 part inner part outer",
			"t:1: part stands here twice: remove one of them\n"},
		{"10.0.0.1 192.0.2.1 part inner outside eth0 part outer outside eth0",
			"t:1: part stands here twice: remove one of them\n"},
		{"fd00::/48 2001:db8::/48 npt part inner npt",
			"t:1: npt stands here twice: remove one of them\n"},
		{"10.0.0.1 192.0.2.1 npt outside eth0 part inner npt npt npt", "t:1: npt stands here twice: remove one of them\n"},
		{"10.0.0.0/24 192.0.2.0/24 npt\nfd00::1 2001:db8::1 part outer npt\nfd00::/64 2001:db8::1 npt",
			"t:1: npt with IPv4" OF_NPT "t:2: npt with lengths of 128 and 128 bits" OF_NPT
			"t:3: npt with lengths of 64 and 128 bits" OF_NPT},
		{"10.0.0.1 192.0.2.1 part both outside eth1\n10.0.0.0/8 192.0.2.1 part inner",
			"t:1: part is \"both\": expected \"outer\" or \"inner\"\n"
			"t:1: outside is \"eth1\": expected one of the interfaces that the setting outside "
			"of the file lists\n"
			"t:2: part is \"inner\", but several private addresses become one: expected sides of "
			"equal length\n"},
		{"10.0.0.1 10.0.0.2",
			"t:1: public 10.0.0.2 overlaps 10.0.0.0/8 (private, RFC 1918): expected "
			"addresses that are routed on the Internet\n"},
		{"{ private = \"10.0.0.1\"; }", "t:1: unknown word \"=\": " FORM},
		{"10.0.0.1 \033[2J", "t:1: public is \"?[2J\"" SIDE},
		{"10.0.0.2 192.0.2.2\n10.0.0.2 192.0.2.3",
			"t:2: private 10.0.0.2 has a map already, at t:1: remove one of them\n"},
	};
	static const char nul[] = "10.0.0.1 192.0.2.1\n10.0.0.2\0 192.0.2.2\n";

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_null(load_table(OUTSIDE, cases[i].text, cases[i].said));
	/* no second complaint about what follows from the first */
	assert_null(load_table(
		"outside = [ \"eth 0\" ];", "10.0.0.1 192.0.2.1 outside eth1", "f:1: \"eth 0\"" NAME));
	write_bytes("t", nul, sizeof(nul) - 1);
	assert_null(load("f", "f:1: \"eth 0\"" NAME "t:2: a NUL byte: this is not a text file\n"));
}

static void table_and_file_are_checked_together(void **state)
{
	(void)state;
	assert_null(
		load_table(MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; }"), "\n10.0.0.1 192.0.2.2",
			"t:2: private 10.0.0.1 has a map already, at f:2: remove one of them\n"));
	assert_null(load_table(MAP("{ private = \"192.0.2.0/24\"; public = \"198.51.100.0/24\"; }"),
		"10.0.0.1 192.0.2.1",
		"t:1: public 192.0.2.1 would be translated again by the map at f:2: except it by "
		"{ private = \"192.0.2.1\"; public = \"192.0.2.1\"; }\n"));
	assert_null(load_table(MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; }"),
		"192.0.2.0/24 198.51.100.0/24",
		"f:2: public 192.0.2.1 would be translated again by the map at t:1: except it by "
		"{ private = \"192.0.2.1\"; public = \"192.0.2.1\"; }\n"));
}

/* A relative name counts from the directory of the file that it stands in. */
static void table_is_found(void **state)
{
	struct config *config;

	(void)state;
	mkdir("d", 0777);
	write_file("d/a", "maps_file = \"b\";");
	write_file("d/b", "10.0.0.1 192.0.2.1");
	config = load_text(OUTSIDE "@include \"d/a\"", "");
	assert_string_equal(config->files[2], "d/b");
	assert_int_equal(config->entries[0].file, 2);
	config_free(config);
	config_free(load_text(OUTSIDE "maps_file = \"d/b\";", ""));
	config_free(load_table(OUTSIDE, "", ""));
#define TABLE "f:2: cannot read the table of maps "
	assert_null(load_text(OUTSIDE "maps_file = \"none\";", TABLE "none: No such file or directory: create it, or correct its name\n"));
	assert_null(load_text(OUTSIDE "maps_file = \"/none\";", TABLE "/none: No such file or directory: create it, or correct its name\n"));
	assert_null(load_text(OUTSIDE "maps_file = \"d\";", TABLE "d: it is a directory: expected a file\n"));
	assert_null(load_text(
		OUTSIDE "maps_file = \"/dev/null\";", TABLE "/dev/null: it is not a regular file: expected one\n"));
	assert_null(load_text(
		OUTSIDE "maps_file = [ \"d\" ];", "f:2: maps_file: expected a string, found an array [ ]\n"));
	write_file("big", "");
	assert_int_equal(truncate("big", (256 << 20) + 1), 0);
	assert_null(load_text(OUTSIDE "maps_file = \"big\";", TABLE "big: it has more than 256 MiB: map whole prefixes\n"));
	unlink("big");
}

/* A line has at most 255 characters, and any number in its comment. */
static void table_lines_are_bounded(void **state)
{
	char table[2000];

	(void)state;
	snprintf(table, sizeof(table), "10.0.0.1%237s192.0.2.1 # %700s\n", "", "");
	config_free(load_table(OUTSIDE, table, ""));
	snprintf(table, sizeof(table), "10.0.0.1%239s192.0.2.1\n10.0.0.2 192.0.2.2\nx", "");
	assert_null(load_table(OUTSIDE, table,
		"t:1: a line of more than 255 characters: " FORM "t:3: a map without public: " FORM));
}

static void lines_beyond_65535(void **state)
{
	const size_t lines = 70000;
	char *table = malloc(lines + 100);

	(void)state;
	memset(table, '\n', lines);
	strcpy(table + lines, "10.0.0.1\n10.0.0.2 192.0.2.2");
	assert_null(load_table(OUTSIDE, table, "t:70001: a map without public: " FORM));
	strcpy(table + lines, "\n10.0.0.2 192.0.2.2");
	config_free(load_table(OUTSIDE, table, ""));
	free(table);
}

/* Writes as many comments as make a file of a length. */
static void write_padded(const char *name, const char *text, size_t length)
{
	char *padded = malloc(length + 1);

	memset(padded, '#', length);
	memcpy(padded, text, strlen(text));
	padded[length] = '\0';
	write_file(name, padded);
	free(padded);
}

/* All files together have at most 64 KiB, whatever is in them. */
static void text_is_bounded(void **state)
{
	(void)state;
	write_padded("f", OUTSIDE, CONFIG_TEXT_MAX);
	config_free(load("f", ""));
	write_padded("f", OUTSIDE, CONFIG_TEXT_MAX + 1);
	assert_null(load("f", "f: " TOO_LONG "\n"));
	write_padded("f", OUTSIDE "@include \"g\"\n", CONFIG_TEXT_MAX - 100);
	write_padded("g", "", 100);
	config_free(load("f", ""));
	write_padded("g", "", 101);
	assert_null(load("f", "f:2: cannot include g: " TOO_LONG "\n"));
}

static void nothing_is_printed_without_out(void **state)
{
	struct config_errors errors = {0};

	(void)state;
	write_file("f", "foo = 1; bar = 1;");
	assert_null(config_load("f", &errors));
	assert_int_equal(errors.errors, 3);
}

static void own_addresses_are_watched(void **state)
{
	static const char *const some[] = {
		"127.0.0.1", "192.168.42.1", "fd42::1", "192.0.2.7", "192.168.42.1", NULL};
	static const char *const many[] = {
		"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", NULL};
#define ROUTED(line, private, public)                                                                        \
	"f:" line                                                                                            \
	": warning: " private " of this host becomes " public ", which is not an address of this host: "     \
							      "answers to it must be routed here\n"

	(void)state;
	host_addresses = some;
	config_free(load_text(MAP("{ private = \"192.168.42.1\"; public = \"192.0.2.1\"; },\n"
				  "{ private = \"fd42::/16\"; public = \"2001:db8::1\"; }"),
		ROUTED("2", "192.168.42.1", "192.0.2.1") ROUTED("3", "fd42::1", "2001:db8::1")));
	/* an address of its own, an exception, the inner part, loopback: nothing to say */
	config_free(load_text(MAP("{ private = \"192.168.42.1\"; public = \"192.0.2.7\"; },\n"
				  "{ private = \"fd42::/16\"; public = \"fd42::/16\"; },\n"
				  "{ private = \"127.0.0.0/8\"; public = \"192.0.2.0\"; },\n"
				  "{ private = \"fd42::1\"; public = \"2001:db8::1\"; part = \"inner\"; }"),
		""));
	config_free(load_text(
		"outside = [ \"a\", \"b\" ];\n"
		"maps = ( { private = \"192.168.42.1\"; public = \"192.0.2.1\"; outside = \"b\"; } );",
		ROUTED("2", "192.168.42.1", "192.0.2.1")));
	host_addresses = many;
	config_free(load_text(MAP("{ private = \"10.0.0.0/8\"; public = \"192.0.2.1\"; }"),
		ROUTED("2", "10.0.0.1", "192.0.2.1") ROUTED("2", "10.0.0.2", "192.0.2.1")
			ROUTED("2", "10.0.0.3", "192.0.2.1") ROUTED("2", "10.0.0.4", "192.0.2.1")
				ROUTED("2", "10.0.0.5", "192.0.2.1") "and 2 more warnings\n"));
	host_addresses = NULL;
}

/* The numbers of the choices are those of the enumerations. */
static void choices_have_their_numbers(void **state)
{
	static const struct {
		const char *text;
		enum decide_lookup lookup;
		enum extension_policy extensions;
		enum config_rules rules;
	} cases[] = {
		{"lookup = \"auto\"; extensions = \"pass\"; rules = \"auto\";", LOOKUP_AUTO, EXTENSION_PASS,
			CONFIG_RULES_AUTO},
		{"lookup = \"always\"; extensions = \"strip-private\"; rules = \"own\";", LOOKUP_ALWAYS,
			EXTENSION_STRIP_PRIVATE, CONFIG_RULES_OWN},
		{"lookup = \"never\"; extensions = \"strip\"; rules = \"external\";", LOOKUP_NEVER,
			EXTENSION_STRIP, CONFIG_RULES_EXTERNAL},
		{"extensions = \"translate\";", LOOKUP_AUTO, EXTENSION_TRANSLATE, CONFIG_RULES_AUTO},
		{"extensions = \"translate-addresses\";", LOOKUP_AUTO, EXTENSION_TRANSLATE_ADDRESSES,
			CONFIG_RULES_AUTO},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[200];
		struct config *config;

		snprintf(text, sizeof(text), OUTSIDE "%s queue = { overload = \"%s\"; malformed = \"%s\"; };",
			cases[i].text, i ? "drop" : "pass", i == 2 ? "drop" : "pass");
		config = load_text(text, "");
		assert_int_equal(config->lookup, cases[i].lookup);
		assert_int_equal(config->extensions, cases[i].extensions);
		assert_int_equal(config->rules, cases[i].rules);
		assert_int_equal(config->queue.overload_pass, i == 0);
		assert_int_equal(config->queue.malformed_pass, i != 2);
		config_free(config);
	}
}

static void an_audit_has_queues_of_its_own(void **state)
{
	struct config *config = load_text(
		OUTSIDE "mode = \"audit\"; queue = { number = 65471; overload = \"pass\"; };", "");

	(void)state;
	assert_true(config->audit);
	assert_int_equal(config->queue.number, 65535);
	assert_false(config->queue.overload_pass);
	config_free(config);
	config = load_text(OUTSIDE "mode = \"live\"; queue = { number = 65535; };", "");
	assert_false(config->audit);
	assert_int_equal(config->queue.number, 65535);
	assert_true(config->queue.overload_pass);
	config_free(config);
}

static void restart_is_asked_for(void **state)
{
	static const struct {
		const char *text, *refusal;
	} cases[] = {
		{OUTSIDE, NULL},
		{MAP("{ private = \"10.0.0.1\"; public = \"192.0.2.1\"; }") "lookup = \"never\"; queue = { "
									    "malformed = \"drop\"; };",
			NULL},
		{OUTSIDE "mode = \"audit\";", "mode can only be changed by a restart"},
		{OUTSIDE "rules = \"own\";", "rules can only be changed by a restart"},
		{OUTSIDE "queue = { number = 1; };", "queue.number can only be changed by a restart"},
		{OUTSIDE "queue = { workers = 2; };", "queue.workers can only be changed by a restart"},
		{OUTSIDE "queue = { length = 1; };", "queue.length can only be changed by a restart"},
		{OUTSIDE "queue = { overload = \"drop\"; };",
			"queue.overload can only be changed by a restart"},
		{OUTSIDE "control = { socket = \"/s\"; };",
			"control.socket can only be changed by a restart"},
		{OUTSIDE "control = { group = \"g\"; };", "control.group can only be changed by a restart"},
	};
	struct config *running = load_text(OUTSIDE, "");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config *wanted = load_text(cases[i].text, "");
		const char *refusal = config_reload_refusal(running, wanted);

		if (cases[i].refusal)
			assert_string_equal(refusal, cases[i].refusal);
		else
			assert_null(refusal);
		config_free(wanted);
	}
	config_free(running);
	running = load_text(OUTSIDE "lookup = \"never\";", "");
	for (size_t i = 0; i < 2; i++) {
		struct config *wanted = load_text(i ? OUTSIDE "lookup = \"never\";" : OUTSIDE, "");

		if (i)
			assert_null(config_reload_refusal(running, wanted));
		else
			assert_string_equal(config_reload_refusal(running, wanted),
				"lookup can only be changed from \"never\" by a restart");
		config_free(wanted);
	}
	config_free(running);
	config_free(NULL);
}

static void prefixes_as_text(void **state)
{
	static const char *const texts[] = {"0.0.0.0/0", "10.0.0.0/8", "192.0.2.1", "2000::/3", "2001:db8::1",
		"2001:db8::/127", "::2", "fc00::/7"};
	struct config_errors errors = {0};
	char text[CONFIG_PREFIX_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct prefix p;

		assert_true(config_prefix_parse(
			&p, &(struct config_value){"private", texts[i], {"f", 0, 1}}, &errors));
		config_prefix_text(p, text);
		assert_string_equal(text, texts[i]);
	}
}

static void load_sample(const char *name)
{
	char path[2 * PATH_MAX + 600];

	snprintf(path, sizeof(path), "%s/%s", source_directory, name);
	config_free(load(path, ""));
}

static void libconfig_is_not_called_without_memory(void **state)
{
	(void)state;
	out_of_memory = true;
	load_text(OUTSIDE, "f: out of memory: raise the limit, or list fewer maps\n");
	out_of_memory = false;
}

static void samples_load(void **state)
{
	char path[PATH_MAX + 300];
	unsigned n = 0;
	DIR *samples;

	(void)state;
	snprintf(path, sizeof(path), "%s/etc/examples", source_directory);
	samples = opendir(path);
	assert_non_null(samples);
	for (const struct dirent *entry; (entry = readdir(samples));)
		if (strstr(entry->d_name, ".conf")) {
			snprintf(path, sizeof(path), "etc/examples/%s", entry->d_name);
			load_sample(path);
			n++;
		}
	closedir(samples);
	assert_true(n >= 3 && n <= 100);
}

/* Processor time, in seconds, that loading a table of n maps takes. */
static double seconds_to_load(unsigned n)
{
	FILE *file = fopen("t", "w");
	struct timespec begin, end;
	struct config *config;

	for (unsigned i = 0; i < n; i++)
		fprintf(file, "10.%u.%u.%u 198.20.%u.%u part outer\n", i >> 15 & 255, i >> 7 & 255,
			i << 1 & 255, i >> 8 & 255, i & 255);
	fclose(file);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	config = load_text(OUTSIDE "maps_file = \"t\";", "");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_int_equal(config->n_entries, n);
	assert_int_equal(config->outside[0].maps[ADDRMAP_OUTER].n_ranges, 2 * n + 1);
	config_free(config);
	return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

/* Twice the maps take about twice the time: what grows with the square takes four times as much. The best of
 * some rounds counts, for other programs take turns with the cache. */
static void many_maps_load_fast(void **state)
{
	double few = 1e9, many = 4e9;

	(void)state;
	for (int round = 0; round < 10 && many >= 3 * few; round++) {
		const double one = seconds_to_load(50000), other = seconds_to_load(100000);

		few = one < few ? one : few;
		many = other < many ? other : many;
	}
	print_message("50000 maps: %.3f s, 100000: %.3f s\n", few, many);
	assert_true(many < 3 * few);
}

static int enter_directory(void **state)
{
	const char *srcdir = getenv("srcdir"), *temporary = getenv("TMPDIR");

	(void)state;
	snprintf(directory, sizeof(directory), "%s/icmpnatd-test-XXXXXX", temporary ? temporary : "/tmp");
	return realpath(srcdir ? srcdir : ".", source_directory) && mkdtemp(directory) &&
			       chdir(directory) == 0
		       ? 0
		       : -1;
}

/* Removes what the tests made: files, and files in d/. */
static int remove_directory(void **state)
{
	static const char *const places[] = {"d", "."};

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		DIR *place = opendir(places[i]);
		char path[300];

		for (const struct dirent *entry; place && (entry = readdir(place));) {
			snprintf(path, sizeof(path), "%s/%s", places[i], entry->d_name);
			unlink(path);
		}
		if (place)
			closedir(place);
	}
	rmdir("d");
	return chdir("/") || rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest_file),
		cmocka_unit_test(every_setting),
		cmocka_unit_test(traps_of_libconfig),
		cmocka_unit_test(brackets_and_characters),
		cmocka_unit_test(brackets_within_each_other),
		cmocka_unit_test(settings_are_checked),
		cmocka_unit_test(unknown_names_are_refused),
		cmocka_unit_test(interfaces_are_checked),
		cmocka_unit_test(sides_are_checked),
		cmocka_unit_test(public_side_is_public),
		cmocka_unit_test(scope_is_checked),
		cmocka_unit_test(hop_names_are_read),
		cmocka_unit_test(hop_names_are_checked),
		cmocka_unit_test(clashes_name_both_lines),
		cmocka_unit_test(chains_name_both_lines),
		cmocka_unit_test(tables_hold_what_is_configured),
		cmocka_unit_test(equal_parts_share_a_table),
		cmocka_unit_test(accepted_maps_are_idempotent),
		cmocka_unit_test(files_are_included),
		cmocka_unit_test(errors_name_the_included_file),
		cmocka_unit_test(includes_are_bounded),
		cmocka_unit_test(only_regular_files_are_read),
		cmocka_unit_test(long_lists_of_mistakes_end),
		cmocka_unit_test(table_is_read),
		cmocka_unit_test(maps_are_npt),
		cmocka_unit_test(table_is_checked),
		cmocka_unit_test(table_and_file_are_checked_together),
		cmocka_unit_test(table_is_found),
		cmocka_unit_test(table_lines_are_bounded),
		cmocka_unit_test(text_is_bounded),
		cmocka_unit_test(lines_beyond_65535),
		cmocka_unit_test(nothing_is_printed_without_out),
		cmocka_unit_test(own_addresses_are_watched),
		cmocka_unit_test(choices_have_their_numbers),
		cmocka_unit_test(an_audit_has_queues_of_its_own),
		cmocka_unit_test(restart_is_asked_for),
		cmocka_unit_test(prefixes_as_text),
		cmocka_unit_test(libconfig_is_not_called_without_memory),
		cmocka_unit_test(samples_load),
		cmocka_unit_test(many_maps_load_fast),
	};

	return cmocka_run_group_tests_name("config", tests, enter_directory, remove_directory);
}
