// SPDX-License-Identifier: MIT
#include "klpmin.h"
struct req { int len, flags; long cookie; };
static noinline int check(struct req *r, int unused, int lim)
{
	if (r->len > lim)
		return ext_int(r->len);
	return ext_int(lim) + 1;
}
int submit(struct req *r, int n)   { return check(r, n, r->flags) + 1; }
int resubmit(struct req *r, int n) { return check(r, n + 1, r->flags * 2) + 2; }
