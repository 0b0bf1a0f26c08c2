// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the change is on the likely path, and the cold part comes along. */
extern void warn_slow(const char *f, int l) __cold;
/* The error path may sleep (ext_int stands for a sleeping call). */
int work(int *p, int n)
{
	int i, s = 0;
	for (i = 0; i < n; i++) {
		if (unlikely(p[i] < 0)) {
			warn_slow("x", 3);
			ext();
			s -= ext_int(i);
			printk("bad %d\n", i);
			if (ext_int(s) == 4)
				return -1;
		}
		s += p[i] * 2;
	}
	return s;
}
