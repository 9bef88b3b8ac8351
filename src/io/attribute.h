/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading netlink messages and their attributes. A packet or a flow has dozens of
 * them, and libmnl would call three functions and a callback for each.
 */
#ifndef IO_ATTRIBUTE_H
#define IO_ATTRIBUTE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Whether a message is all there, in length bytes that were received. */
static inline bool message_is_whole(const struct nlmsghdr *message, size_t length)
{
	return length >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= length;
}

static inline size_t attribute_length(const struct nlattr *attribute)
{
	return attribute->nla_len - sizeof(*attribute);
}

static inline const void *attribute_payload(const struct nlattr *attribute)
{
	return attribute + 1;
}

/* Finds the attributes of the types below n in length bytes: found[type] is the
 * last one of its type, NULL if there is none. What is behind an attribute that
 * does not fit is not read. */
static inline void attributes_find(const void *bytes, size_t length, const struct nlattr *found[], unsigned n)
{
	const struct nlattr *attribute = bytes;
	ptrdiff_t left = (ptrdiff_t)length;

	memset(found, 0, n * sizeof(found[0]));
	while (left >= NLA_HDRLEN && attribute->nla_len >= NLA_HDRLEN && attribute->nla_len <= left) {
		const unsigned step = NLA_ALIGN(attribute->nla_len),
			       type = attribute->nla_type & NLA_TYPE_MASK;

		if (type < n)
			found[type] = attribute;
		left -= step; /* perhaps below 0: the last one may lack its padding */
		attribute = (const void *)((const char *)attribute + step);
	}
}

/* Finds those of a message, behind its own header and another one. */
static inline void message_find(
	const struct nlmsghdr *message, size_t header, const struct nlattr *found[], unsigned n)
{
	const size_t begin = NLMSG_HDRLEN + NLMSG_ALIGN(header), length = message->nlmsg_len;

	attributes_find((const char *)message + begin, length > begin ? length - begin : 0, found, n);
}

#endif
