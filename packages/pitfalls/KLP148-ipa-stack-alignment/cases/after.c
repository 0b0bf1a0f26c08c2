// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int c;
static noinline void leaf(int x) { char b[32]; ext_ptr(b); c += x; }
int caller(int x) { leaf(x); leaf(x + 1); return c; }
