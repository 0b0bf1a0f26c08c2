/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The structures of linux/livepatch.h with the sizes and members that they have in Debian's 6.1 and 6.12 for amd64, so that a
 * livepatch can be compiled and looked at without kernel headers. It is not for loading.
 */
#ifndef LIVEPATCH_H
#define LIVEPATCH_H
/* What is exported under that name; printk() is a macro. */
#define printk _printk
#include "klpmin.h"
#define true 1
struct module { char bytes[64]; };
struct klp_func { const char *old_name; void *new_func; unsigned long old_sympos; char rest[128]; };
struct klp_object;
struct klp_callbacks {
	int (*pre_patch)(struct klp_object *);
	void (*post_patch)(struct klp_object *);
	void (*pre_unpatch)(struct klp_object *);
	void (*post_unpatch)(struct klp_object *);
};
struct klp_object { const char *name; struct klp_func *funcs; struct klp_callbacks callbacks; char rest[120]; };
struct klp_state { unsigned long id; unsigned int version; void *data; };
struct klp_patch { struct module *mod; struct klp_object *objs; struct klp_state *states; bool replace; char rest[168]; };
_Static_assert(sizeof(struct klp_func) == 152 && sizeof(struct klp_object) == 168, "layout");
_Static_assert(sizeof(struct klp_state) == 24 && sizeof(struct klp_patch) == 200, "layout");
extern int klp_enable_patch(struct klp_patch *);
extern struct module __this_module;
#define GFP_ATOMIC 0x820
#define GFP_KERNEL 0xcc0
extern void *klp_shadow_get(void *obj, unsigned long id);
extern void *klp_shadow_alloc(void *obj, unsigned long id, size_t size, u32 gfp,
			      int (*ctor)(void *obj, void *shadow, void *data), void *data);
extern void *klp_shadow_get_or_alloc(void *obj, unsigned long id, size_t size, u32 gfp,
				     int (*ctor)(void *obj, void *shadow, void *data), void *data);
extern void klp_shadow_free(void *obj, unsigned long id, void (*dtor)(void *obj, void *shadow));
extern void klp_shadow_free_all(unsigned long id, void (*dtor)(void *obj, void *shadow));
extern struct klp_state *klp_get_state(struct klp_patch *, unsigned long id);
extern struct klp_state *klp_get_prev_state(unsigned long id);
#define MODULE_INFO(tag, text) \
	static const char info_##tag[] __used __section(".modinfo") = #tag "=" text
/* That of the kernel that the case is for. */
#ifndef KLP_VERMAGIC
#define KLP_VERMAGIC "6.12.117+deb12-amd64 SMP preempt mod_unload modversions "
#endif
/* The marks of an ordinary livepatch. */
#define LIVEPATCH_MARKS(module) \
	MODULE_INFO(name, module); MODULE_INFO(license, "GPL"); MODULE_INFO(vermagic, KLP_VERMAGIC); \
	MODULE_INFO(livepatch, "Y")
#define module_init(fn) int init_module(void) __attribute__((__alias__(#fn)))
#define module_exit(fn) void cleanup_module(void) __attribute__((__alias__(#fn)))
#define __init __section(".init.text") notrace
#define __exit __section(".exit.text") notrace
#endif
