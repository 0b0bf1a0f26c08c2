// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int new_show(int x) { return x < 0 ? -22 : printk("%d\n", x); }
extern void reg_show(int (*fn)(int));
void setup(void) { reg_show(new_show); }	/* has run long ago */
