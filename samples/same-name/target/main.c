// SPDX-License-Identifier: MIT OR GPL-2.0
/* Two files, each with a function colour_show() of its own: /proc/klpkit_red and /proc/klpkit_blue. */
#include <linux/module.h>
#include <linux/proc_fs.h>

int red_init(void);
int blue_init(void);

static int __init colours_init(void)
{
	int error = red_init();

	if (error)
		return error;
	error = blue_init();
	if (error)
		remove_proc_entry("klpkit_red", NULL);
	return error;
}

static void __exit colours_exit(void)
{
	remove_proc_entry("klpkit_blue", NULL);
	remove_proc_entry("klpkit_red", NULL);
}

module_init(colours_init);
module_exit(colours_exit);
MODULE_DESCRIPTION("Two functions of one name");
MODULE_LICENSE("Dual MIT/GPL");
