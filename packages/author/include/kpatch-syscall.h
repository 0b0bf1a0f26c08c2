/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The names under which authors of kpatch's fixes define a system call. */
#ifndef KLPKIT_KPATCH_SYSCALL_H
#define KLPKIT_KPATCH_SYSCALL_H

#include <klpkit/livepatch.h>
#include <linux/syscalls.h>

#define KPATCH_SYSCALL_DEFINE0(name) KLPKIT_SYSCALL_DEFINE0(name)
#define KPATCH_SYSCALL_DEFINE1(...) KLPKIT_SYSCALL_DEFINE1(__VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE2(...) KLPKIT_SYSCALL_DEFINE2(__VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE3(...) KLPKIT_SYSCALL_DEFINE3(__VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE4(...) KLPKIT_SYSCALL_DEFINE4(__VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE5(...) KLPKIT_SYSCALL_DEFINE5(__VA_ARGS__)
#define KPATCH_SYSCALL_DEFINE6(...) KLPKIT_SYSCALL_DEFINE6(__VA_ARGS__)

#endif
