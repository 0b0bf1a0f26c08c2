// SPDX-License-Identifier: MIT
#include "klpmin.h"
static noinline int show(int x) { ext(); return ext_int(x) + 11; }
int a(int x) { return show(x); }
int a2(int x) { return show(x * 2); }
