// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the variables are the fix's own, and everybody who uses them is new. */
static int max_retry = 4;
static bool debug_on;
int retry(int n) { return n < max_retry ? ext_int(n) : -110; }
int trace(int n) { if (debug_on) printk("n=%d\n", n); return ext_int(n); }
void set_limits(int m, bool d) { max_retry = m; debug_on = d; }
