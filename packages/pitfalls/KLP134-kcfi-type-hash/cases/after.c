// SPDX-License-Identifier: MIT
#include "klpmin.h"
struct ops { int (*get)(int); };
int my_get(long x) { return ext_int(x); }
struct ops ops = { (int (*)(int))my_get };
int call(struct ops *o, int x) { return o->get(x); }
