// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * What livepatches of the cases patch: the functions of the cases themselves, linked to this, in threads of their own. A word
 * written to /proc/klp_target starts one; "wake" lets them go on.
 */
#define INCLUDE_VERMAGIC
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>
#include <linux/vermagic.h>

/* Of the cases. */
struct request { int length, flags; long cookie; };
int work(int x);
int work_twin(int x);
int finish(int x);
int finish_twin(int x);
void turn(int *p);
int submit(struct request *r, int n);
int get(void);
int get_twin(void);
extern int value, value_twin;

/* Used by the cases. */
void complain(int x);
void ext(void);
int ext_int(int x);
DECLARE_COMPLETION(done);
int limit = 1;
noinline int within(int x);
noinline int within(int x) { return x <= limit; }

static int go;

/* Sets the state that wait_event() would set: the cases call schedule() alone. */
noinline void complain(int x)
{
	set_current_state(READ_ONCE(go) ? TASK_RUNNING : TASK_UNINTERRUPTIBLE);
}
noinline void ext(void) { barrier(); }
noinline int ext_int(int x) { return READ_ONCE(go) ? 0 : x; }

static int turns;

enum { COLD, HOT, TAIL, CALL, TURN, SIGNAL, WAIT, COUNT };
static const char *const words[] = { "cold", "hot", "tail", "call", "turn", "signal", "wait" };
static struct task_struct *threads[COUNT];

static int thread(void *data)
{
	long which = (long)data;

	switch (which) {
	case COLD: pr_info("case: work returned %d\n", work(-1)); break;
	case HOT: pr_info("case: work_twin returned %d\n", work_twin(-1)); break;
	case TAIL: pr_info("case: finish returned %d\n", finish(-1)); break;
	case CALL: pr_info("case: finish_twin returned %d\n", finish_twin(-1)); break;
	case SIGNAL: pr_info("case: get returned %d\n", get()); break;
	case WAIT: pr_info("case: get_twin returned %d\n", get_twin()); break;
	case TURN: turns = 1; turn(&turns); pr_info("case: turn returned\n"); break;
	}
	return 0;
}

static ssize_t command(struct file *file, const char __user *from, size_t count, loff_t *at)
{
	static struct request requests[] = { { .length = 5 }, { .length = 1 } };
	char word[16] = "";
	long i;

	if (copy_from_user(word, from, min(count, sizeof(word) - 1)))
		return -EFAULT;
	if (!strcmp(word, "within")) {
		pr_info("case: within gives %d\n", within(2));
	} else if (!strcmp(word, "wake")) {
		value = value_twin = 7;
		go = 1;
		complete_all(&done);
		for (i = 0; i < COUNT; i++)
			if (threads[i])
				wake_up_process(threads[i]);
	} else if (!strcmp(word, "submit")) {
		go = 0;
		pr_info("case: submit gave %d and %d\n", submit(&requests[0], 3), submit(&requests[1], 3));
	}
	for (i = 0; i < COUNT; i++) {
		if (strcmp(word, words[i]))
			continue;
		go = value = value_twin = 0;
		reinit_completion(&done);
		if (threads[i])
			put_task_struct(threads[i]);
		threads[i] = kthread_create(thread, (void *)i, "case_%s", word);
		get_task_struct(threads[i]);
		pr_info("case: thread %d\n", threads[i]->pid);
		wake_up_process(threads[i]);
	}
	return count;
}

static const struct proc_ops ops = { .proc_write = command };
static int __init start(void) { return proc_create("klp_target", 0200, NULL, &ops) ? 0 : -ENOMEM; }
static void __exit stop(void) { remove_proc_entry("klp_target", NULL); }
module_init(start);
module_exit(stop);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_INFO(vermagic, VERMAGIC_STRING);
