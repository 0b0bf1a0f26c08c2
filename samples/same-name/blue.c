// SPDX-License-Identifier: MIT OR GPL-2.0
/* The second colour_show() of the module, that of target/blue.c. */
#include <linux/seq_file.h>

int livepatch_blue_show(struct seq_file *m, void *v)
{
	seq_puts(m, "navy blue\n");
	return 0;
}
