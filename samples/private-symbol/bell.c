// SPDX-License-Identifier: MIT OR GPL-2.0
/* Uses what is static in the module, which need not be loaded yet: these references wait for it. */
#include <linux/seq_file.h>

extern unsigned int bell_rings;
extern unsigned long bell_asked;
extern void bell_ring(struct seq_file *m, const char *sound);

int livepatch_bell_show(struct seq_file *m, void *v)
{
	unsigned int i;

	seq_printf(m, "asked %lu times\n", ++bell_asked);
	for (i = 0; i < bell_rings; i++)
		bell_ring(m, i % 2 ? "dong" : "ding");
	return 0;
}
