# SPDX-License-Identifier: GPL-2.0-or-later
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
