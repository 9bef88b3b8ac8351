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

/* Tells whether a message lies whole in the length bytes that were received. */
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

static inline unsigned attribute_type(const struct nlattr *attribute)
{
	return attribute->nla_type & NLA_TYPE_MASK;
}

/* A run of attributes. */
struct attributes {
	const struct nlattr *first;
	ptrdiff_t length; /* bytes; below 0 where the last attribute lacks its padding */
};

/* Returns the attributes of a message, which follow its own header and another one
 * of so many bytes. */
static inline struct attributes message_attributes(const struct nlmsghdr *message, size_t header)
{
	const size_t begin = NLMSG_HDRLEN + NLMSG_ALIGN(header);

	return (struct attributes){(const void *)((const char *)message + begin),
		(ptrdiff_t)message->nlmsg_len - (ptrdiff_t)begin};
}

/* Finds the attributes of the types below n: found[type] is the last one of its
 * type, NULL if there is none. What follows one that does not fit is not read. */
static inline void attributes_find(struct attributes all, const struct nlattr *found[], unsigned n)
{
	memset(found, 0, n * sizeof(found[0]));
	while (all.length >= NLA_HDRLEN && all.first->nla_len >= NLA_HDRLEN &&
		all.first->nla_len <= all.length) {
		const unsigned type = attribute_type(all.first), step = NLA_ALIGN(all.first->nla_len);

		if (type < n)
			found[type] = all.first;
		all.length -= step;
		all.first = (const void *)((const char *)all.first + step);
	}
}

#endif
