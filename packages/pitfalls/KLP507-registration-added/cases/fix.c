// SPDX-License-Identifier: MIT
#include "klpmin.h"
int limit;
#ifdef FIX
static const struct { const char *name; void *arg; } param_limit __used __section("__param") = { "limit", &limit };
#endif
int work(int x)
{
#ifdef FIX
	return ext_int(x + limit);
#else
	return ext_int(x);
#endif
}
