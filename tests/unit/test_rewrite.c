/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Where nft cannot be asked, the release says whether the kernel drops changed packets in a user
 * namespace.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "io/rewrite.h"

static void test_releases(void **state)
{
	(void)state;
	assert_false(rewrite_is_dropped_since("6.1.0-37-cloud-amd64"));
	assert_false(rewrite_is_dropped_since("6.18.44"));
	assert_false(rewrite_is_dropped_since("7.0.14"));
	assert_true(rewrite_is_dropped_since("7.1"));
	assert_true(rewrite_is_dropped_since("7.2.13+deb14-cloud-amd64"));
	assert_true(rewrite_is_dropped_since("7.10.1"));
	assert_true(rewrite_is_dropped_since("10.0-rc1"));
	assert_false(rewrite_is_dropped_since("unknown"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_releases)};

	return cmocka_run_group_tests_name("rewrite", tests, NULL, NULL);
}
