// SPDX-License-Identifier: MIT
#include "klpmin.h"
struct ops { int (*get)(int); };
int my_get(int x) { return ext_int(x) + 1; }
struct ops ops = { my_get };
int call(struct ops *o, int x) { return o->get(x); }
