// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the old name with the new body. */
static int old_show(int x) { return x < 0 ? -22 : printk("%d\n", x); }
extern void reg_show(int (*fn)(int));
void setup(void) { reg_show(old_show); }	/* has run long ago */
