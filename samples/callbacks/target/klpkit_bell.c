// SPDX-License-Identifier: MIT OR GPL-2.0
/* A module with a mistake: /proc/klpkit_bell rings once more than it was told to. */
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

struct bell {
	unsigned int rings;
};

static struct bell bell = { .rings = 2 };

static int bell_show(struct seq_file *m, void *v)
{
	const struct bell *b = m->private;
	unsigned int i;

	for (i = 0; i <= b->rings; i++)
		seq_puts(m, "ding\n");
	return 0;
}

static int __init bell_init(void)
{
	return proc_create_single_data("klpkit_bell", 0444, NULL, bell_show, &bell) ? 0 : -ENOMEM;
}

static void __exit bell_exit(void)
{
	remove_proc_entry("klpkit_bell", NULL);
}

module_init(bell_init);
module_exit(bell_exit);
MODULE_DESCRIPTION("A bell for a livepatch to mend");
MODULE_LICENSE("Dual MIT/GPL");
