// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void complain(int x) __cold;
extern void schedule(void);		/* sleeps */
int work(int x)
{
	int s = x * 3;
	if (unlikely(x < 0)) {
		complain(x);		/* the cold part does not sleep */
		s += 7;
		complain(s);
	}
	schedule();			/* the hot part does, and is seen */
#ifdef FIX
	return s + 2;
#else
	return s + 1;
#endif
}
