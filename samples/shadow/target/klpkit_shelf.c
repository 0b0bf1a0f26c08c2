// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Objects that come and go: /proc/klpkit_shelf shows the boxes on a shelf. `echo add 7` puts one there, `echo drop 7` takes it away.
 * noinline and __noclone keep the functions that the livepatch replaces as they are written; real code has no such favours.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

struct box {
	struct list_head on_shelf;
	int number;
};

static LIST_HEAD(shelf);
static DEFINE_SPINLOCK(shelf_lock);

/* May sleep. */
static noinline __noclone struct box *box_new(int number)
{
	struct box *box = kzalloc(sizeof(*box), GFP_KERNEL);

	if (box)
		box->number = number;
	return box;
}

static noinline __noclone void box_free(struct box *box)
{
	kfree(box);
}

/* Called with shelf_lock held: must not sleep. */
static noinline __noclone void box_show(struct seq_file *m, struct box *box)
{
	seq_printf(m, "box %d\n", box->number);
}

static struct box *take(int number)
{
	struct box *box, *found = NULL;

	spin_lock(&shelf_lock);
	list_for_each_entry(box, &shelf, on_shelf) {
		if (box->number != number)
			continue;
		list_del(&box->on_shelf);
		found = box;
		break;
	}
	spin_unlock(&shelf_lock);
	return found;
}

static int shelf_show(struct seq_file *m, void *v)
{
	struct box *box;

	spin_lock(&shelf_lock);
	list_for_each_entry(box, &shelf, on_shelf)
		box_show(m, box);
	spin_unlock(&shelf_lock);
	return 0;
}

static int shelf_open(struct inode *inode, struct file *file)
{
	return single_open(file, shelf_show, NULL);
}

static ssize_t shelf_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	char word[32] = "";
	struct box *box;
	int number;

	if (size >= sizeof(word) || copy_from_user(word, from, size))
		return -EINVAL;
	if (sscanf(word, "add %d", &number) == 1) {
		box = box_new(number);
		if (!box)
			return -ENOMEM;
		spin_lock(&shelf_lock);
		list_add_tail(&box->on_shelf, &shelf);
		spin_unlock(&shelf_lock);
		return size;
	}
	if (sscanf(word, "drop %d", &number) != 1)
		return -EINVAL;
	box = take(number);
	if (!box)
		return -ENOENT;
	box_free(box);
	return size;
}

static const struct proc_ops shelf_ops = {
	.proc_open = shelf_open,
	.proc_read = seq_read,
	.proc_write = shelf_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init shelf_init(void)
{
	return proc_create("klpkit_shelf", 0644, NULL, &shelf_ops) ? 0 : -ENOMEM;
}

static void __exit shelf_exit(void)
{
	struct box *box, *next;

	remove_proc_entry("klpkit_shelf", NULL);
	list_for_each_entry_safe(box, next, &shelf, on_shelf)
		box_free(box);
}

module_init(shelf_init);
module_exit(shelf_exit);
MODULE_DESCRIPTION("Boxes on a shelf");
MODULE_LICENSE("Dual MIT/GPL");
