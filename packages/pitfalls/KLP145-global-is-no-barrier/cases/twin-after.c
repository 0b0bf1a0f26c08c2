// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the compiler may not inline it */
noinline int lookup(int k) { return k & 15; }
int user(int k) { return lookup(k) + 1; }
