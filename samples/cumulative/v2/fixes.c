// SPDX-License-Identifier: MIT OR GPL-2.0
/* The second holds the fixes of the first, one of them improved, and a new one. */
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

int livepatch_version_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "version, fix of version 1\n");
	return 0;
}
