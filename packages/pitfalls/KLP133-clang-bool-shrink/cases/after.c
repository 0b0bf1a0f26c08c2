// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int mode;
void arm(void) { mode = 5; }
void arm_high(void) { mode = 9; }	/* the fix adds a third value */
int level(void) { return mode + 1; }
int armed(void) { return mode != 0; }
