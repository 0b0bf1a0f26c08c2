// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: something is left to do behind the call, so it is a call. */
noinline int inner(int x) { return ext_int(x) + 1; }
int outer(int x) { return inner(x + 2) * 3; }
