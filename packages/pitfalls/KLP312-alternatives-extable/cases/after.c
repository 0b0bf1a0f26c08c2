// SPDX-License-Identifier: MIT
#include "klpmin.h"
#include "tables.h"
int rx(const int *p)
{
	int v;
	ALTERNATIVE(7, "lfence");
	LOAD(v, *p, 3);
	return v;
}
int tx(const int *p)
{
	int v;
	LOAD(v, *p, 1);
	return ext_int(v);
}
