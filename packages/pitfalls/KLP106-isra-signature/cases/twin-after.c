// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the pointer itself is passed on, so it stays an argument. */
struct req { int len, flags; long cookie; };
static noinline int check(struct req *r, int lim)
{
	ext_ptr(r);
	if (r->len + r->flags > lim)
		return ext_int(lim);
	return ext_int(lim + 1) + 1;
}
int submit(struct req *r, int n)   { return check(r, n) + 1; }
int resubmit(struct req *r, int n) { return check(r, n * 2) + 2; }
