// SPDX-License-Identifier: MIT
#include "klpmin.h"
struct msg { int type, len, flags; };
/* Global; today it reads only ->type through the pointer. */
noinline int classify(const struct msg *m) { return m->type == 4 ? 1 : 0; }
int build(int t, int l, int f)
{
	struct msg m = { .type = t, .len = l, .flags = f };
	return classify(&m);
}
