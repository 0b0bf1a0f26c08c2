// SPDX-License-Identifier: MIT
#include "klpmin.h"
struct request { int length, flags; long cookie; };
/* One of the members is used, and every caller is in this file. */
static noinline int check(struct request *r, int limit)
{
	return r->length > limit ? ext_int(limit) : ext_int(limit + 1) + 1;
}
int submit(struct request *r, int n)   { return check(r, n) + 1; }
int resubmit(struct request *r, int n) { return check(r, n * 2) + 2; }
