// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void *alloc_small(int idx); extern void *alloc_big(size_t n);
static __always_inline void *kmal(size_t n)		/* kmalloc's shape */
{
	if (__builtin_constant_p(n) && n <= 64)
		return alloc_small(n <= 32 ? 0 : 1);
	return alloc_big(n);
}
int setup(int x) { void *p = kmal(48); ext_ptr(p); return ext_int(x); }
