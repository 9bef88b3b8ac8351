# SPDX-License-Identifier: GPL-2.0-or-later
"""What icmpnatd costs, beside everything that one might take in its place. See doc/performance.md."""
