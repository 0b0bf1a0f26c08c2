// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int c;
static noinline void leaf(int x) { c += x; asm volatile(""); }
int caller(int x) { leaf(x); leaf(x + 1); return c; }
