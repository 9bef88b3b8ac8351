/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The two families. Their ICMP errors come from core/icmp_type.def.
 */
#include "rules/rules.h"

#define ICMP_TYPE(name, version, type, text, unit) TYPE_##version(", " text)
#define TYPE_4(text)				   text
#define TYPE_6(text)
static const char types4[] =
#include "core/icmp_type.def"
	;
#undef TYPE_4
#undef TYPE_6
#define TYPE_4(text)
#define TYPE_6(text) text
static const char types6[] =
#include "core/icmp_type.def"
	;

#define FIRST 2 /* bytes in front of the first name: ", " */

const struct rules_family rules_families[RULES_FAMILIES] = {
	{4, "ip", "icmp", "icmp", "iptables", "192.0.2.1", types4 + FIRST},
	{6, "ip6", "icmpv6", "ipv6-icmp", "ip6tables", "2001:db8::1", types6 + FIRST},
};
