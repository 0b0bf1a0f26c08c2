// SPDX-License-Identifier: MIT
#include "klpmin.h"
struct ops { int (*get)(long); };
int my_get(long x) { return ext_int(x); }
struct ops ops = { my_get };
int call(struct ops *o, int x) { return o->get(x); }
