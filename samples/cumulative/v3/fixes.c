// SPDX-License-Identifier: MIT OR GPL-2.0
/* The third drops a fix: its function is the kernel's own again. */
#include <linux/seq_file.h>

int livepatch_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "cmdline, fix of version 2\n");
	return 0;
}

int livepatch_loadavg_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "loadavg, fix of version 2\n");
	return 0;
}
