# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
# bash completion for icmpnatd. Options and kinds of rules are read from the
# program's own help, so that this file need not know them.

# What the lines of the help that match a pattern offer.
_icmpnatd_offer()
{
	"$1" --help 2>/dev/null | sed -nE "s/$2/\\1/p"
}

_icmpnatd()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	# "=" is a word of its own in bash: --print-rules = nft
	if [[ $word == '=' ]]; then
		word=
	elif [[ $before == '=' ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $before in
	-c | --config | -e | --explain | -w | --write) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	--print-rules) mapfile -t COMPREPLY < <(compgen -W "$(_icmpnatd_offer "$1" '^ {20,}([a-z-]+) .*')" -- "$word") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$(_icmpnatd_offer "$1" '^  -., (--[a-z-]+).*')" -- "$word") ;;
	esac
}

complete -F _icmpnatd icmpnatd
