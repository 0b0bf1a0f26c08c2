// SPDX-License-Identifier: MIT OR GPL-2.0
#include <linux/module.h>

static int __init start(void)
{
	return 0;
}
module_init(start);
static void __exit stop(void)
{
}
module_exit(stop);
MODULE_LICENSE("Dual MIT/GPL");
