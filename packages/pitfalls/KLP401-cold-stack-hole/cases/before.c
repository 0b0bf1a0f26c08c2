// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void complain(int x) __cold;
extern void schedule(void);		/* sleeps */
int work(int x)
{
	int s = x * 3;
	if (unlikely(x < 0)) {
		complain(x);
		schedule();		/* the task sleeps here, in work.cold */
		s += 7;
		complain(s);
	}
	return s + 1;
}
int hot(int x) { int s = x * 5; schedule(); return s + x; }
