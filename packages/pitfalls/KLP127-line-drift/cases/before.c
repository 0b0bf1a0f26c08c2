// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void assert_fail(int line);
#define ASSERT(x) do { if (!(x)) assert_fail(__LINE__); } while (0)
int fix_me(int x) { return ext_int(x); }

int innocent(int x) { ASSERT(x > 0); return ext_int(x); }
