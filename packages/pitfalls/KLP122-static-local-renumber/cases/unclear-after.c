// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* Two variables of one name in functions that become one: which is which? */
static int one(int x) { static int hits; hits += x; return hits; }
static int two(int x) { static int hits; hits -= x; return hits; }
int f(int x) { return ext_int(two(x) * one(x + 1)); }
