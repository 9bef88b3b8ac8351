# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
# bash completion for icmpnatctl. Commands and options are read from the
# program's own help, so that this file need not know them.

# What "icmpnatctl help" offers: the commands, or the long options that a
# command (or, without one, any command) takes.
_icmpnatctl_offer()
{
	"$1" help 2>/dev/null | awk -v what="$2" '
		/^  [a-z]/ {
			if (what == "commands")
				print $1
			else if ($1 == what && $2 ~ /^\[-/)
				takes = $2
		}
		/^  -/ && what != "commands" {
			if (index("shV", substr($1, 2, 1)) || index(takes, substr($1, 2, 1)) > 2)
				print $2
		}'
}

_icmpnatctl()
{
	local word=${COMP_WORDS[COMP_CWORD]} command='' i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket | -c | --config | -n | --count | -i | --interval) ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} ;;
		esac
	done
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	-s | --socket | -c | --config)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	-n | --count | -i | --interval) return ;;
	esac
	if [[ $word == -* || -n $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_icmpnatctl_offer "$1" "${command:--}")" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_icmpnatctl_offer "$1" commands)" -- "$word")
	fi
}

complete -F _icmpnatctl icmpnatctl
