// SPDX-License-Identifier: MIT OR GPL-2.0
/* The first livepatch of the series: two fixes. */
#include <linux/seq_file.h>

int livepatch_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "cmdline, fix of version 1\n");
	return 0;
}

int livepatch_version_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "version, fix of version 1\n");
	return 0;
}
