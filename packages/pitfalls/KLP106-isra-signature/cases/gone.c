// SPDX-License-Identifier: MIT
#include "klpmin.h"
struct req { int len, flags; long cookie; };
/* pointer argument, but only one field is read through it */
static noinline int check(struct req *r, int lim)
{
	if (r->len > lim || r->flags < 0)
		return ext_int(lim);
	return ext_int(lim + 1) + 1;
}
int submit(struct req *r, int n)   { return check(r, n) + 1; }
int resubmit(struct req *r, int n) { return check(r, n * 2) + 2; }
