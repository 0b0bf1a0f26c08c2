// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* What the kernel's inline is: without ftrace entry, and the compiler may keep it as a function all the same. */
#define kinline inline __attribute__((__gnu_inline__, __unused__)) notrace
#define STEP(n) printk("%d", ext_int(x + n) ^ n);
#define STEPS(n) STEP(n) STEP(n + 1) STEP(n + 2) STEP(n + 3) STEP(n + 4)

static kinline int helper(int x)
{
	STEPS(0) STEPS(5) STEPS(10) STEPS(15) STEPS(20) STEPS(25) STEPS(30) STEPS(35)
	return ext_int(x);
}
int u1(int x) { return helper(x); }
int u2(int x) { return helper(x + 1) ^ helper(x + 9); }
notrace int quiet(int x) { return ext_int(x); }
int plain(int x) { return ext_int(x); }
