// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the fixed function is still small enough */
static int parse(const int *p) { if (p[0] == 8) return ext_int(p[1]); return p[2] + 1; }
int rx(const int *p) { return parse(p) * 2; }
int tx(const int *p) { return parse(p + 4) - 3; }
