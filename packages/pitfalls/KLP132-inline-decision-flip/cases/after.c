// SPDX-License-Identifier: MIT
#include "klpmin.h"
static int parse(const int *p)
{
	int i;
	if (p[0] == 7)
		return ext_int(p[1]);
	for (i = 0; i < 8; i++) {		/* the fix validates more */
		if (p[i] < 0 || p[i] > 4096)
			return printk("bad %d at %d\n", p[i], i);
		if (i && p[i] == p[i - 1])
			ext_int(p[i] ^ i);
	}
	return p[2] + 1;
}
int rx(const int *p) { return parse(p) * 2; }
int tx(const int *p) { return parse(p + 4) - 3; }
