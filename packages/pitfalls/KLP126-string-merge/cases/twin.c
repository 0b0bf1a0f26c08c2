// SPDX-License-Identifier: MIT
#include "klpmin.h"
extern void reg(const char *name);
extern int strcmp(const char *, const char *);
void init(void) { reg("eth0"); reg("veth0"); }
/* The innocent twin: asks for the content. */
int is_tag(const char *name) { return strcmp(name, "eth0") == 0; }
const char *tag(void) { return "eth0"; }
