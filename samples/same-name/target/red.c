// SPDX-License-Identifier: MIT OR GPL-2.0
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

int red_init(void);

static int colour_show(struct seq_file *m, void *v)
{
	seq_puts(m, "red\n");
	return 0;
}

int __init red_init(void)
{
	return proc_create_single("klpkit_red", 0444, NULL, colour_show) ? 0 : -ENOMEM;
}
