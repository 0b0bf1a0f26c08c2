// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void reg(const char *name);
const char *tag(void) { return "eth0"; }
int is_tag(const char *p) { return p == (const char *)"eth0"; }	/* pointer identity */
void init(void) { reg("eth0"); reg("vlan0"); }
