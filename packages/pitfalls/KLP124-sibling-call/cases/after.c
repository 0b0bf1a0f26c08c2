// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern int (*hook)(int);
noinline int inner(int x) { return ext_int(x) + 1; }
/* outer's frame is gone while inner sleeps: outer is not in the stack trace */
int outer(int x) { return inner(x + 2); }
int via(int x)   { return hook(x); }
