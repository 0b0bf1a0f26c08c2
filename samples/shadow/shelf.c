// SPDX-License-Identifier: MIT OR GPL-2.0
/* Counts how often each box is looked at, and all of them. */
#include <linux/slab.h>

#include "views.h"

/* From birth: whoever makes a box attaches what the fix needs. Here it may sleep, so GFP_KERNEL. */
struct box *livepatch_box_new(int number)
{
	const unsigned long none = 0;
	struct box *box = kzalloc(sizeof(*box), GFP_KERNEL);

	if (!box)
		return NULL;
	box->number = number;
	/* Without it the box works as before the fix; box_show() tries again. */
	klp_shadow_alloc(box, BOX_VIEWS, sizeof(struct box_views), GFP_KERNEL, box_views_init, (void *)&none);
	return box;
}

/* In flight: boxes that were there before the livepatch get theirs when they are met. A lock is held: GFP_ATOMIC. */
void livepatch_box_show(struct seq_file *m, struct box *box)
{
	const unsigned long none = 0;
	struct box_views *views = klp_shadow_get_or_alloc(box, BOX_VIEWS, sizeof(*views), GFP_ATOMIC,
							  box_views_init, (void *)&none);
	struct all_views *all = klp_shadow_get(NULL, ALL_VIEWS);

	if (!views) {
		seq_printf(m, "box %d\n", box->number);
		return;
	}
	views->count++;
	if (all)
		all->count++;
	seq_printf(m, "box %d, seen %lu times, all %lu\n", box->number, views->count, all ? all->count : 0);
}

/* With the object: a box that is freed without its variable leaves it to the next object at the same address. */
void livepatch_box_free(struct box *box)
{
	klp_shadow_free(box, BOX_VIEWS, box_views_exit);
	kfree(box);
}
