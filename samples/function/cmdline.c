// SPDX-License-Identifier: MIT OR GPL-2.0
/* What /proc/cmdline shows while the livepatch is in force. */
#include <linux/seq_file.h>

/* Same result and same parameters as cmdline_proc_show() of fs/proc/cmdline.c: the kernel cannot check that they are. */
int livepatch_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "this line comes from a livepatch\n");
	return 0;
}
