/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The names under which authors of kpatch's fixes know the annotations of klpkit. */
#ifndef KLPKIT_KPATCH_MACROS_H
#define KLPKIT_KPATCH_MACROS_H

#include <klpkit/livepatch.h>
#include <linux/printk.h>

/* What a callback is given. */
typedef struct klp_object patch_object;

#define KPATCH_PRE_PATCH_CALLBACK(fn) KLPKIT_PRE_PATCH_CALLBACK(fn)
#define KPATCH_POST_PATCH_CALLBACK(fn) KLPKIT_POST_PATCH_CALLBACK(fn)
#define KPATCH_PRE_UNPATCH_CALLBACK(fn) KLPKIT_PRE_UNPATCH_CALLBACK(fn)
#define KPATCH_POST_UNPATCH_CALLBACK(fn) KLPKIT_POST_UNPATCH_CALLBACK(fn)

#define KPATCH_IGNORE_FUNCTION(fn) KLPKIT_IGNORE_FUNCTION(fn, "KPATCH_IGNORE_FUNCTION gives no reason")
#define KPATCH_IGNORE_SECTION(name) KLPKIT_IGNORE_SECTION(name, "KPATCH_IGNORE_SECTION gives no reason")

/* The kernel's livepatching knows no such thing; klpkit says so. */
#define KPATCH_FORCE_UNSAFE(fn) __KLPKIT_IGNORE(force_unsafe, #fn, "KPATCH_FORCE_UNSAFE")

#define KPATCH_STATIC_CALL(name) KLPKIT_STATIC_CALL(name)

/* A message without an entry in the index of formats. */
#ifdef printk
#define KPATCH_PRINTK(...) _printk(__VA_ARGS__)
#else
#define KPATCH_PRINTK(...) printk(__VA_ARGS__)
#endif

#endif
