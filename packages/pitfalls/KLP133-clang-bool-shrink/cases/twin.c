// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int mode;			/* the innocent twin: 0, 5 or 7 */
void arm(void) { mode = 5; }
void arm_low(void) { mode = 7; }
int level(void) { return mode + 1; }
int armed(void) { return mode != 0; }
