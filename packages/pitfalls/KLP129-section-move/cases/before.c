// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void die(const char *) __cold;
static noinline int report(int x) { ext(); return ext_int(x); }
int hot(int x) { return report(x) + 1; }
int rare(int x)
{
	if (x < 0) {
		die("x");
		return report(x);
	}
	return x;
}
