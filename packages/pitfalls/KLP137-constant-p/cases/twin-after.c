// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void *alloc_small(int idx); extern void *alloc_big(size_t n);
static __always_inline void *kmal(size_t n)
{
	if (__builtin_constant_p(n) && n <= 64)
		return alloc_small(n <= 32 ? 0 : 1);
	return alloc_big(n);
}
/* The innocent twin: the helper disappears in its callers, and n is a constant there. */
static __always_inline void *get(size_t n, int x) { return x ? kmal(n) : kmal(n + 16); }
int setup(int x) { void *p = get(48, x); ext_ptr(p); return ext_int(x); }
int setup2(int x) { void *p = get(40, x); ext_ptr(p); return ext_int(x); }
