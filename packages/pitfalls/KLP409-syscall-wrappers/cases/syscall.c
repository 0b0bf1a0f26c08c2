// SPDX-License-Identifier: MIT
#include "klpmin.h"
struct pt_regs { long di, si, bx, cx; };
/* What SYSCALL_DEFINE2(swap, ...) makes on x86: one body, and a copy of it in each way in. */
static inline long __do_sys_swap(long a, long b)
{
#ifdef FIX
	return b > 4096 ? -22 : ext_int(b);
#else
	return ext_int(b);
#endif
}
static long __se_sys_swap(long a, long b) { return __do_sys_swap(a, b); }
long __x64_sys_swap(const struct pt_regs *regs) { return __se_sys_swap(regs->di, regs->si); }
long __ia32_sys_swap(const struct pt_regs *regs) { return __se_sys_swap((u32)regs->bx, (u32)regs->cx); }
