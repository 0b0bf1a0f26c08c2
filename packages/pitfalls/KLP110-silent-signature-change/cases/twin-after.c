// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: every argument is used before and after, so each keeps its register. */
struct req { int len, flags; long cookie; };
static noinline int check(struct req *r, int more, int lim)
{
	if (r->len > lim || more < 0)
		return ext_int(r->len + more);
	return ext_int(lim) + 1;
}
int submit(struct req *r, int n)   { return check(r, n, r->flags) + 1; }
int resubmit(struct req *r, int n) { return check(r, n + 1, r->flags * 2) + 2; }
