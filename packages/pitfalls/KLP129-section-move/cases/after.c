// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void die(const char *) __cold;
static noinline int report(int x) { ext(); return ext_int(x) + ext_int(x + 1); }
int hot(int x)  { return x + 1; }			/* the fix drops the only hot caller */
int rare(int x) { if (x < 0) { die("x"); return report(x); } return x; }
