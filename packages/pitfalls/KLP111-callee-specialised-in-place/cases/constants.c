// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern int tbl[8];
static noinline int get(unsigned int idx) { if (idx >= 8) return -22; return tbl[idx] + ext_int(idx); }
int first(void)  { return get(1); }
int second(void) { return get(6); }
