# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for icmpnatd.

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
	-c | --config | -e | --explain) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	--print-rules) mapfile -t COMPREPLY < <(compgen -W "nft mixed direct iptables iptables-direct none" -- "$word") ;;
	*)
		mapfile -t COMPREPLY < <(compgen -W "--config --check --print-rules --explain --interface --version --help" -- "$word")
		;;
	esac
}

complete -F _icmpnatd icmpnatd
