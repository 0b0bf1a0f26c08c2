/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What all livepatches of this series agree on: the numbers of the shadow variables and what is in them. A number is known to the whole
 * kernel, and nothing but a convention keeps two authors apart: ours begin with 0x6b6c70, "klp". What is in a variable must never change
 * under its number; a new layout gets a new number.
 */
#ifndef KLPKIT_SAMPLE_VIEWS_H
#define KLPKIT_SAMPLE_VIEWS_H

#include <linux/livepatch.h>
#include <linux/list.h>
#include <linux/seq_file.h>

/* How often a box was looked at; belongs to the box. */
#define BOX_VIEWS 0x6b6c7001UL
/* How often boxes were looked at altogether; belongs to NULL, that is, to nobody, and so survives every box and every livepatch. */
#define ALL_VIEWS 0x6b6c7002UL

struct box_views {
	struct box *of;
	unsigned long count;
};

struct all_views {
	unsigned long count;
};

/* As in the target. */
struct box {
	struct list_head on_shelf;
	int number;
};

/*
 * Both run under a spinlock of the kernel's, with interrupts off: no GFP_KERNEL, no mutex, nothing that sleeps. The memory is zero.
 */
static inline int box_views_init(void *obj, void *shadow, void *data)
{
	struct box_views *views = shadow;

	views->of = obj;
	views->count = *(const unsigned long *)data;
	return 0;
}

static inline void box_views_exit(void *obj, void *shadow)
{
	struct box_views *views = shadow;

	pr_info("box %d was seen %lu times\n", ((struct box *)obj)->number, views->count);
	views->of = NULL;
}

#endif
