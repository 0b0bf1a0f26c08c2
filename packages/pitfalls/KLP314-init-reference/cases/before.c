// SPDX-License-Identifier: MIT
#include "klpmin.h"
#define __init __section(".init.text") __cold
#define __initdata __section(".init.data")
int boot_opt __initdata = 4;
static noinline int __init parse_opt(int x) { return ext_int(x) + boot_opt; }
int __init my_init(void) { return parse_opt(3); }
int runtime(int x) { ext(); return ext_int(x); }
