// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int new_show(int x) { return printk("%d\n", x); }
extern void reg_show(int (*fn)(int));
void setup(void) { reg_show(new_show); }
int both(int x) { return ext_int(x); }
