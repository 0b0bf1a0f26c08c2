// SPDX-License-Identifier: MIT
#include "klpmin.h"
static noinline int show(int x) { ext(); return ext_int(x) + 2; }
int b(int x) { return show(x); }
int b2(int x) { return show(x * 2); }
