// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern bool kthread_should_stop(void);
extern long schedule_timeout_interruptible(long);
/* What the loop calls in each round can be patched. */
noinline int poll_once(void *data)
{
#ifdef FIX
	return ext_int(20);
#else
	return ext_int(10);
#endif
}
int poller(void *data)
{
	while (!kthread_should_stop()) {
		poll_once(data);
		schedule_timeout_interruptible(10);
	}
	return 0;
}
