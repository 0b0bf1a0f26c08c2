// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* Picks a value: becomes a table. */
int prio(int class)
{
	switch (class) {
	case 0: return 7;
	case 1: return 19;
	case 2: return 3;
	case 3: return 78;
	case 4: return -4;
	case 5: return 12;
	default: return 0;
	}
}
/* Picks what to do: becomes a jump table where those are allowed. */
int op(int code)
{
	switch (code) {
	case 0: return ext_int(7);
	case 1: ext(); return ext_int(9);
	case 2: return ext_int(code * 3);
	case 3: ext(); ext(); return 1;
	case 4: return ext_int(-4) + 1;
	case 5: return ext_int(12) ^ 3;
	case 6: ext(); return 77;
	default: return 0;
	}
}
