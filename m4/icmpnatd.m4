# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
# ICMPNATD_FLAGS(VARIABLE, FLAGS): appends to VARIABLE each flag that the C compiler takes.
AC_DEFUN([ICMPNATD_FLAGS], [
	for flag in m4_normalize([$2]); do
		AC_MSG_CHECKING([whether $CC takes $flag])
		icmpnatd_save=$CFLAGS
		CFLAGS="$CFLAGS -Werror $flag"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
			[AC_MSG_RESULT([yes]); $1="$$1 $flag"], [AC_MSG_RESULT([no])])
		CFLAGS=$icmpnatd_save
	done
])

# ICMPNATD_SONAME(PREFIX, FILE): sets PREFIX_SONAME to what the library that -lNAME would find calls itself.
AC_DEFUN([ICMPNATD_SONAME], [
	AC_MSG_CHECKING([for the soname of $2])
	$1_SONAME=$($OBJDUMP -p "$($CC $$1_LIBS -print-file-name=$2)" 2>/dev/null | sed -n 's/^ *SONAME *//p')
	AS_IF([test "x$$1_SONAME" = x], [AC_MSG_ERROR([not found])])
	AC_MSG_RESULT([$$1_SONAME])
	AC_SUBST([$1_SONAME])
])
