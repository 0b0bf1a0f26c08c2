// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern bool kthread_should_stop(void);
extern long schedule_timeout_interruptible(long);
extern int poll_once(void *);
/* Started in another unit, so only its loop tells that it is the main function of a thread. */
int poller(void *data)
{
	while (!kthread_should_stop()) {
		poll_once(data);
#ifdef FIX
		schedule_timeout_interruptible(20);
#else
		schedule_timeout_interruptible(10);
#endif
	}
	return 0;
}
