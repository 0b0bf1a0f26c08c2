// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int h0(int x) { return ext_int(x); }
static int h1(int x) { return ext_int(x) + 1; }
static int (*const handlers[4])(int) = { h0, h1 };
int handle(unsigned c, int x) { if (c >= 4 || !handlers[c]) return -22; return handlers[c](x); }
