/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the livepatches of this series agree on: the state's number, which is known to all livepatches of the kernel, and what it means.
 *
 * version 1: data is a struct reads
 * version 2: the same, and `first` holds a time
 */
#ifndef KLPKIT_SAMPLE_READS_H
#define KLPKIT_SAMPLE_READS_H

#include <linux/atomic.h>
#include <linux/livepatch.h>
#include <linux/seq_file.h>

#define READS_STATE 0x6b6c7001UL

struct reads {
	atomic_long_t count;
	/* Since version 2, 0 in what version 1 has made: room was left for it. */
	time64_t first;
};

/* Set before the first task can come by. */
extern struct reads *livepatch_reads;

int livepatch_cmdline_proc_show(struct seq_file *m, void *v);

#endif
