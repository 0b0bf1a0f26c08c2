// SPDX-License-Identifier: MIT OR GPL-2.0
#include "livepatch.h"
LIVEPATCH_MARKS("faulty");
extern bool kthread_should_stop(void);
extern long schedule_timeout_interruptible(long);
int new_poller(void *data)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(20);
	return 0;
}
static struct klp_func funcs[] = { { "poller", new_poller }, { } };
static struct klp_object objs[] = { { NULL, funcs }, { } };
static struct klp_patch patch = { &__this_module, objs };
static int __init start(void) { return klp_enable_patch(&patch); }
module_init(start);
