/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Whether the daemon may run, and what it says, when the kernel refuses its rules: libnftables is played
 * here, so that each step can be refused on any kernel.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "io/library.h"
#include "io/log.h"
#include "io/nft_table.h"
#include "rules/own.h"

/* What the kernel refuses: a script that is tried, or one that is loaded, with a text in it. */
static const char *refused_trial, *refused_load;
static const char *refusal; /* what nft says then */
static bool dry;
static bool removes;  /* what was loaded last removes the tables first */
static bool persists; /* and has tables that stay when the daemon is killed */
static int context;
static enum nft_table table; /* what the kernel has */

static void *new_context(void)
{
	return &context;
}

static int do_nothing(void)
{
	return 0;
}

static void set_dry_run(void *c, bool on)
{
	(void)c;
	dry = on;
}

static const char *get_error(void)
{
	return refusal;
}

static int run_command(void *c, const char *script)
{
	const char *refused = dry ? refused_trial : refused_load;

	(void)c;
	if (!dry && strstr(script, "table ip icmpnatd {")) {
		removes = strstr(script, "delete table ip icmpnatd") != NULL;
		persists = strstr(script, "flags owner, persist;") != NULL;
	}
	return refused && strstr(script, refused) ? -1 : 0;
}

/* In place of that of io/nft_table.c. */
enum nft_table nft_table_look(const char *name, int version)
{
	(void)name;
	(void)version;
	return table;
}

/* In place of that of io/library.c. */
void *library_open(const char *file, const char *const names[], void *pointers)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} functions[] = {
		{"nft_ctx_new", (void (*)(void))new_context},
		{"nft_ctx_free", (void (*)(void))do_nothing},
		{"nft_ctx_buffer_error", (void (*)(void))do_nothing},
		{"nft_ctx_get_error_buffer", (void (*)(void))get_error},
		{"nft_ctx_set_dry_run", (void (*)(void))set_dry_run},
		{"nft_run_cmd_from_buffer", (void (*)(void))run_command},
	};

	(void)file;
	for (size_t i = 0; names[i]; i++) {
		assert_string_equal(names[i], functions[i].name);
		memcpy((char *)pointers + i * sizeof(functions[i].function), &functions[i].function,
			sizeof(functions[i].function));
	}
	return &context;
}

const char *library_error(void)
{
	return "";
}

void library_close(void *library)
{
	(void)library;
}

/* Opens the rules, of which the kernel refuses what the variables say. Returns whether the daemon may run. */
static bool open_rules(enum config_rules rules, const char *trial, const char *load, const char *words)
{
	char name[] = "a file", *files[] = {name};
	const struct config config = {
		.files = files, .n_files = 1, .outside = {{.name = "eth0"}}, .n_outside = 1, .rules = rules};
	struct own_rules own = {0};
	bool good;

	refused_trial = trial;
	refused_load = load;
	refusal = words;
	good = own_rules_open(&own, &config, -1);
	own_rules_close(&own);
	return good;
}

static void assert_last_error(const char *text)
{
	struct log_last last;

	assert_true(log_get_last(LOG_ERR, &last));
	assert_string_equal(last.text, text);
}

#define NOT_SUPPORTED "Error: Could not process rule: Operation not supported\ntable ip icmpnatd {\n^^^^^\n"
#define NOT_PERMITTED "Error: Could not process rule: Operation not permitted\ntable ip icmpnatd {\n^^^^^\n"
#define SYNTAX	      "Error: syntax error, unexpected comma, expecting newline or semicolon\n"
#define CANNOT                                                                                               \
	"the capture rules cannot be loaded: Could not process rule: Operation not supported; the lines in " \
	"question: icmpnatd -c 'a file' --print-rules | unshare -n nft -c -f -"

static void test_rules_that_are_refused_end_the_daemon(void **state)
{
	(void)state;
	assert_false(open_rules(CONFIG_RULES_OWN, NULL, "icmpnatd", NOT_SUPPORTED));
	assert_last_error(CANNOT);
	log_error("another");
	assert_false(open_rules(CONFIG_RULES_OWN, "icmpnatd {", "icmpnatd", NOT_SUPPORTED));
	assert_last_error(CANNOT);
	log_error("another");
	assert_false(open_rules(CONFIG_RULES_AUTO, NULL, "icmpnatd", NOT_SUPPORTED));
	assert_last_error(CANNOT);
}

static void test_another_owner_ends_the_daemon(void **state)
{
	static const char text[] =
		"another program holds the tables icmpnatd: stop it, or set rules = \"external\"";

	(void)state;
	assert_false(open_rules(CONFIG_RULES_OWN, NULL, "icmpnatd", NOT_PERMITTED));
	assert_last_error(text);
	log_error("another");
	assert_false(open_rules(CONFIG_RULES_AUTO, "icmpnatd {", NULL, NOT_PERMITTED));
	assert_last_error(text);
}

static void test_the_default_leaves_tables_alone(void **state)
{
	(void)state;
	log_error("another");
	assert_true(open_rules(CONFIG_RULES_AUTO, "icmpnatd {", NULL, NOT_SUPPORTED));
	assert_last_error("another");
}

static void test_rules_that_are_taken(void **state)
{
	(void)state;
	assert_true(open_rules(CONFIG_RULES_OWN, NULL, NULL, ""));
	assert_false(removes);
	assert_true(open_rules(CONFIG_RULES_AUTO, NULL, NULL, ""));
	assert_false(removes);
	table = NFT_TABLE_FREE;
	assert_true(open_rules(CONFIG_RULES_OWN, "icmpnatd {", NULL, NOT_SUPPORTED));
	assert_true(removes);
	table = NFT_TABLE_ABSENT;
}

static void test_tables_stay_where_the_kernel_keeps_them(void **state)
{
	(void)state;
	assert_true(open_rules(CONFIG_RULES_AUTO, NULL, NULL, ""));
	assert_true(persists);
	assert_true(open_rules(CONFIG_RULES_AUTO, "persist", "persist", NOT_SUPPORTED));
	assert_false(persists);
	assert_true(open_rules(CONFIG_RULES_AUTO, "persist", "persist", SYNTAX));
	assert_false(persists);
}

/* The kernel refuses text that does not ask to stay. */
static void test_tables_of_a_killed_daemon_are_no_others(void **state)
{
	(void)state;
	table = NFT_TABLE_LEFT;
	assert_true(open_rules(CONFIG_RULES_AUTO, "icmpnatd {", NULL, NOT_SUPPORTED));
	assert_true(removes);
	table = NFT_TABLE_FREE;
	log_error("another");
	assert_true(open_rules(CONFIG_RULES_AUTO, "icmpnatd {", "", NOT_SUPPORTED));
	assert_last_error("another");
	table = NFT_TABLE_ABSENT;
}

static void test_a_kernel_without_nf_tables(void **state)
{
	(void)state;
	assert_false(open_rules(
		CONFIG_RULES_OWN, "", "", "netlink: Error: cache initialization failed: Invalid argument\n"));
	assert_last_error(
		"no capture rules of our own (this kernel has no nf_tables): set rules = "
		"\"external\", and load others by icmpnatd -c 'a file' --print-rules=iptables | sh");
}

static void test_a_kernel_without_owners(void **state)
{
	(void)state;
	assert_false(open_rules(CONFIG_RULES_OWN, "owner", "owner", NOT_SUPPORTED));
	assert_last_error("no capture rules of our own (tables with an owner need Linux 5.12 and nft "
			  "0.9.9): set rules = \"external\", and load others by icmpnatd -c 'a file' "
			  "--print-rules | nft -f -");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_that_are_refused_end_the_daemon),
		cmocka_unit_test(test_another_owner_ends_the_daemon),
		cmocka_unit_test(test_the_default_leaves_tables_alone),
		cmocka_unit_test(test_rules_that_are_taken),
		cmocka_unit_test(test_tables_stay_where_the_kernel_keeps_them),
		cmocka_unit_test(test_tables_of_a_killed_daemon_are_no_others),
		cmocka_unit_test(test_a_kernel_without_nf_tables),
		cmocka_unit_test(test_a_kernel_without_owners),
	};
	char reason[100];
	struct nftables *nftables = nftables_open(reason, sizeof(reason));

	if (!nftables) { /* built without libnftables: there are no rules of our own */
		print_message("# %s\n", reason);
		return 0;
	}
	nftables_close(nftables);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
