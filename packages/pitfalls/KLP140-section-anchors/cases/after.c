// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int a = 1, n = 9, b = 2, c = 3;		/* one more variable */
int bump(void) { return n++; }
int get(int i) { a += i; b += i; c += i; return a + b + c; }
