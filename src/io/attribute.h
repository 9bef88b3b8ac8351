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

static inline unsigned attribute_type(const struct nlattr *attribute)
{
	return attribute->nla_type & NLA_TYPE_MASK;
}

/* Attributes that have not been read yet. */
struct attributes {
	const struct nlattr *next;
	ptrdiff_t left; /* bytes; below 0 where the last attribute lacks its padding */
};

/* Those of a message, behind its own header and another one. */
static inline struct attributes message_attributes(const struct nlmsghdr *message, size_t header)
{
	const size_t begin = NLMSG_HDRLEN + NLMSG_ALIGN(header);

	return (struct attributes){(const void *)((const char *)message + begin),
		(ptrdiff_t)message->nlmsg_len - (ptrdiff_t)begin};
}

/* The next one, NULL at the end. What is behind one that does not fit is not read. */
static inline const struct nlattr *attributes_next(struct attributes *rest)
{
	const struct nlattr *attribute = rest->next;
	unsigned step;

	if (rest->left < NLA_HDRLEN || attribute->nla_len < NLA_HDRLEN || attribute->nla_len > rest->left)
		return NULL;
	step = NLA_ALIGN(attribute->nla_len);
	rest->left -= step;
	rest->next = (const void *)((const char *)attribute + step);
	return attribute;
}

/* Finds those of the types below n: found[type] is the last one of its type, NULL
 * if there is none. */
static inline void attributes_find(struct attributes all, const struct nlattr *found[], unsigned n)
{
	const struct nlattr *attribute;

	memset(found, 0, n * sizeof(found[0]));
	while ((attribute = attributes_next(&all)))
		if (attribute_type(attribute) < n)
			found[attribute_type(attribute)] = attribute;
}

#endif
