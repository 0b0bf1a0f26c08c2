// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void reg(const char *name);
void init(void) { reg("eth0"); reg("veth0"); }
/* Asks whether it is the very pointer that init() handed out. */
int is_tag(const char *name) { return name == (const char *)"eth0"; }
const char *tag(void) { return "eth0"; }
