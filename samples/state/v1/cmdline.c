// SPDX-License-Identifier: MIT OR GPL-2.0
#include "../reads.h"

struct reads *livepatch_reads;

int livepatch_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_printf(m, "version 1, read %ld times\n", atomic_long_inc_return(&livepatch_reads->count));
	return 0;
}
