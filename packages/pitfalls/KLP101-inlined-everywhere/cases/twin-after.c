// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: the helper may not be inlined, so it has code and a symbol. */
static noinline int clamp_len(int len)
{
	if (len > 4096)
		return ext_int(4096);
	if (len < 0)
		return 0;
	return len;
}
int rx(int len) { return ext_int(clamp_len(len)); }
int tx(int len) { return ext_int(clamp_len(len) + 8); }
