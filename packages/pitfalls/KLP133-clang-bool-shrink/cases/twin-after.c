// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int mode;			/* the innocent twin: 0, 5 or 9 */
void arm(void) { mode = 5; }
void arm_low(void) { mode = 9; }
int level(void) { return mode + 1; }
int armed(void) { return mode != 0; }
