// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: no cheap way out at the beginning, so nothing is split off. */
struct dev { int state, id, log[8]; };
int dev_flush(struct dev *d)
{
	int i;
	for (i = 0; i < 8; i++) {
		ext();
		d->log[i] = ext_int(d->log[i] + d->id);
		printk("%d %d\n", i, d->log[i]);
	}
	ext(); ext_int(d->id); ext(); printk("done %d\n", d->id);
	return ext_int(d->state);
}
int dev_open(struct dev *d)  { if (dev_flush(d)) return -5; d->state = 1; return 0; }
int dev_close(struct dev *d) { int r = dev_flush(d); d->state = 0; return r; }
