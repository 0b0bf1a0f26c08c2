// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void *__real_memcpy(void *, const void *, size_t); extern void fortify_panic(const char *);
#ifdef __clang__
#define POS __attribute__((__pass_object_size__(1)))
#else
#define POS
#endif
static __always_inline void *memcpy_f(void * const POS d, const void *s, size_t n)	/* the kernel's fortified memcpy, reduced */
{
	size_t sz = __builtin_object_size(d, 1);
	if (sz != (size_t)-1 && n > sz)
		fortify_panic("memcpy");
	return __real_memcpy(d, s, n);
}
struct m { char tag[8]; int n; };
/* The innocent twin: the object is known where the helper is used. */
#define copy(d, s, n) do { memcpy_f(d, s, n); ext(); } while (0)
void set_tag(struct m *m, const char *s, int n) { copy(m->tag, s, n); }
void set_other(char *p, const char *s, int n) { copy(p, s, n); }
