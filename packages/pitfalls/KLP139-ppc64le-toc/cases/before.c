// SPDX-License-Identifier: MIT
#include "klpmin.h"
int gv;
static noinline int loc(int x) { return ext_int(x) + gv; }
noinline int glob(int x) { return ext_int(x) + 2; }
noinline int leaf(int x) { return x * 3; }		/* needs no TOC */
int caller(int x) { return loc(x) + glob(x) + leaf(x) + ext_int(x); }
int outward(int x) { return ext_int(x) + 4; }		/* calls nothing of this file */
