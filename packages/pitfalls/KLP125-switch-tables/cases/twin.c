// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the answer is computed, and the fix changes the code. */
int prio(int class)
{
	return class < 6 ? class * 7 + 77 : 0;
}
