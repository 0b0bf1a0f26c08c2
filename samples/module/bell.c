// SPDX-License-Identifier: MIT OR GPL-2.0
/* The bell rings as often as it was told to. */
#include <linux/seq_file.h>

/* As in the target: a livepatch must not see a structure otherwise than the code that makes it. */
struct bell {
	unsigned int rings;
};

int livepatch_bell_show(struct seq_file *m, void *v)
{
	const struct bell *b = m->private;
	unsigned int i;

	for (i = 0; i < b->rings; i++)
		seq_puts(m, "ding\n");
	return 0;
}
