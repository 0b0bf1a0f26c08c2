// SPDX-License-Identifier: MIT
#include "klpmin.h"
/* The innocent twin: its address is out already, so it is read each time. */
static int quota;
void set_quota(int v) { quota = v; }
void show_quota(void) { ext_ptr(&quota); }
int charge(int *p, int n) { int a = quota; *p = n; return a + quota; }
void export_quota(void) { ext_ptr(&quota); ext(); }
