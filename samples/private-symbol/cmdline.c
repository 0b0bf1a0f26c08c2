// SPDX-License-Identifier: MIT OR GPL-2.0
/* Uses a variable and a function of the kernel that modules may not use: no EXPORT_SYMBOL stands behind them. */
#include <linux/seq_file.h>

extern char *saved_command_line;
extern int nr_processes(void);

int livepatch_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s\n", saved_command_line);
	seq_printf(m, "%d processes\n", nr_processes());
	return 0;
}
