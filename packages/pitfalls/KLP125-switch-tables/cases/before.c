// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* values only: becomes a lookup table */
int prio(int x) { switch (x) { case 0: return 7; case 1: return 19; case 2: return 3; case 3: return 77; case 4: return -4; case 5: return 12; default: return 0; } }
const char *name(int x) { switch (x) { case 0: return "zero"; case 1: return "one"; case 2: return "two"; case 3: return "three"; case 4: return "four"; case 5: return "five"; default: return 0; } }
/* code: becomes a jump table, unless -fno-jump-tables */
int op(int x) { switch (x) { case 0: return ext_int(7); case 1: ext(); return ext_int(9); case 2: return ext_int(x*3); case 3: ext(); ext(); return 1; case 4: return ext_int(-4)+1; case 5: return ext_int(12) ^ 3; case 6: ext(); return 77; case 7: return ext_int(88) * 2; default: return 0; } }
