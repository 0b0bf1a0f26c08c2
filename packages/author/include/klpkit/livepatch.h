/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the author of a fix tells klpkit about the livepatch that is made of it. To be included by the patched kernel source; klpkit
 * puts it on the include path when it compiles the fixed side. Nothing of it is in the livepatch itself but the callbacks.
 */
#ifndef KLPKIT_LIVEPATCH_H
#define KLPKIT_LIVEPATCH_H

#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/livepatch.h>
#include <linux/static_call.h>
#include <linux/types.h>

/*
 * Callbacks of the object (vmlinux or the module) that the unit belongs to, one of each kind:
 *
 *	static int enable_limit(struct klp_object *obj) { ...; return 0; }
 *	KLPKIT_PRE_PATCH_CALLBACK(enable_limit);
 *
 * pre_patch may fail, and returns an int; the others return nothing. See Documentation/livepatch/callbacks.rst of the kernel.
 */
#define KLPKIT_PRE_PATCH_CALLBACK(fn) __KLPKIT_CALLBACK(pre_patch, int, fn)
#define KLPKIT_POST_PATCH_CALLBACK(fn) __KLPKIT_CALLBACK(post_patch, void, fn)
#define KLPKIT_PRE_UNPATCH_CALLBACK(fn) __KLPKIT_CALLBACK(pre_unpatch, void, fn)
#define KLPKIT_POST_UNPATCH_CALLBACK(fn) __KLPKIT_CALLBACK(post_unpatch, void, fn)

/* A klp_state of the livepatch. Later livepatches that replace it must carry the same id with a version at least as high. */
#define KLPKIT_STATE(state_id, state_version)						\
	static const struct __klpkit_state __UNIQUE_ID(klpkit_state)			\
		__KLPKIT_SECTION("state") = { .id = (state_id), .version = (state_version) }

/*
 * Data for objects that have no room for it. The kernel's own functions do, called as they are where the fix needs them:
 *
 *	#define SEEN 0x6b6c7001						an id that no other livepatch on the machine has
 *	klp_shadow_alloc(obj, SEEN, size, GFP_KERNEL, init, data);		where objects are made
 *	klp_shadow_get_or_alloc(obj, SEEN, size, GFP_ATOMIC, init, data);	where one is met that was there before
 *	klp_shadow_free(obj, SEEN, exit);					where objects are freed
 *	klp_shadow_free_all(SEEN, exit);					in a post_unpatch callback
 *
 * Constructor and destructor run under a spinlock, with interrupts off. See Documentation/livepatch/shadow-vars.rst of the kernel.
 */

/* In a callback: the klp_state of this livepatch, and with it its data. The one of the livepatch before is klp_get_prev_state(). */
#define klpkit_get_state(id) klp_get_state(&klpkit_patch, id)
extern struct klp_patch klpkit_patch;

/* Leaves a function as the kernel has it although the fix changes it. The reason stands in the report. */
#define KLPKIT_IGNORE_FUNCTION(fn, reason) __KLPKIT_IGNORE(ignore_function, #fn, reason)

/* Leaves changes of variables and tables in a section out of the livepatch. The reason stands in the report. */
#define KLPKIT_IGNORE_SECTION(name, reason) __KLPKIT_IGNORE(ignore_section, name, reason)

/*
 * Reads a static key without a jump label. A livepatch cannot hold jump labels to keys of a module, since they are set up before its
 * relocations to the module are applied.
 */
#define KLPKIT_STATIC_KEY_ENABLED(key) static_key_enabled(&(key))

/* The function behind a static call, to be called through a pointer: KLPKIT_STATIC_CALL(name)(arguments). For the same reason. */
#define KLPKIT_STATIC_CALL(name)							\
	((typeof(STATIC_CALL_TRAMP(name)) *)READ_ONCE(STATIC_CALL_KEY(name).func))

/* A system call of the unit. Its metadata is the kernel's on both sides, so the kernel's own macros do. */
#define KLPKIT_SYSCALL_DEFINE0(name) SYSCALL_DEFINE0(name)
#define KLPKIT_SYSCALL_DEFINE1(...) SYSCALL_DEFINE1(__VA_ARGS__)
#define KLPKIT_SYSCALL_DEFINE2(...) SYSCALL_DEFINE2(__VA_ARGS__)
#define KLPKIT_SYSCALL_DEFINE3(...) SYSCALL_DEFINE3(__VA_ARGS__)
#define KLPKIT_SYSCALL_DEFINE4(...) SYSCALL_DEFINE4(__VA_ARGS__)
#define KLPKIT_SYSCALL_DEFINE5(...) SYSCALL_DEFINE5(__VA_ARGS__)
#define KLPKIT_SYSCALL_DEFINE6(...) SYSCALL_DEFINE6(__VA_ARGS__)

/* How klpkit reads it: pointers, numbers and texts in sections that no module keeps. */
struct __klpkit_state {
	u64 id;
	u32 version;
	u32 reserved;
};

#define __KLPKIT_SECTION(name)								\
	__attribute__((__used__, __aligned__(8), __section__(".discard.klpkit." name)))

#define __KLPKIT_CALLBACK(kind, result, fn)						\
	_Static_assert(__builtin_types_compatible_p(__typeof__(&fn),			\
						    result (*)(struct klp_object *)),	\
		       #fn " is not of the form " #result " (struct klp_object *), as " #kind " is"); \
	static result (*const __UNIQUE_ID(klpkit_##kind))(struct klp_object *)		\
		__KLPKIT_SECTION(#kind) = fn

#define __KLPKIT_IGNORE(kind, name, reason)						\
	_Static_assert(sizeof(reason) > 1, "give the reason why it may be ignored");	\
	static const char __UNIQUE_ID(klpkit_##kind)[]					\
		__KLPKIT_SECTION(#kind) = name "\0" reason

#endif
