// SPDX-License-Identifier: MIT
#include "klpmin.h"
int __weak arch_hook(int x) { return x + 2; }
int user(int x) { return arch_hook(x) * 2; }
int real_fn(int x) { ext(); ext_int(x); return ext_int(x) + 1; }
extern __typeof__(real_fn) alias_fn __attribute__((__alias__("real_fn")));
int call_alias(int x) { return alias_fn(x) ; }
