// SPDX-License-Identifier: MIT
#include "klpmin.h"
#define __init __section(".init.text") __cold
static noinline int __init parse_opt(int x) { return ext_int(x) + 4; }
int __init my_init(void) { return parse_opt(3); }
static noinline int fallback(int x) { return ext_int(x) + 5; }
int other(void) { return fallback(3); }
int runtime(int x) { ext(); if (x < 0) return parse_opt(x); return ext_int(x); }
