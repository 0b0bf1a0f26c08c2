// SPDX-License-Identifier: MIT OR GPL-2.0
/* A module with parts of its own: /proc/klpkit_bell rings, and counts how often it was asked to. */
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

/* Nothing of these is exported. */
static unsigned int bell_rings = 2;
static unsigned long bell_asked;

static noinline void bell_ring(struct seq_file *m, const char *sound)
{
	seq_printf(m, "%s\n", sound);
}

static int bell_show(struct seq_file *m, void *v)
{
	unsigned int i;

	bell_asked++;
	for (i = 0; i <= bell_rings; i++)
		bell_ring(m, i % 2 ? "dong" : "ding");
	return 0;
}

static int __init bell_init(void)
{
	return proc_create_single("klpkit_bell", 0444, NULL, bell_show) ? 0 : -ENOMEM;
}

static void __exit bell_exit(void)
{
	remove_proc_entry("klpkit_bell", NULL);
	pr_info("klpkit_bell was asked %lu times to ring %u times\n", bell_asked, bell_rings);
}

module_init(bell_init);
module_exit(bell_exit);
module_param(bell_rings, uint, 0644);
MODULE_DESCRIPTION("A bell with parts of its own");
MODULE_LICENSE("Dual MIT/GPL");
