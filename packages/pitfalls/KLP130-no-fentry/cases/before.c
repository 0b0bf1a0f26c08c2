// SPDX-License-Identifier: MIT
#include "klpmin.h"
#define kinline inline __attribute__((__gnu_inline__)) __attribute__((__unused__)) notrace	/* the kernel's inline */
#define noinstr noinline notrace __section(".noinstr.text")
int plain(int x) { return ext_int(x); }
static kinline int helper(int x) { ext_int(x + 0); printk("%d", x ^ 0); ext_int(x + 1); printk("%d", x ^ 1); ext_int(x + 2); printk("%d", x ^ 2); ext_int(x + 3); printk("%d", x ^ 3); ext_int(x + 4); printk("%d", x ^ 4); ext_int(x + 5); printk("%d", x ^ 5); ext_int(x + 6); printk("%d", x ^ 6); ext_int(x + 7); printk("%d", x ^ 7); ext_int(x + 8); printk("%d", x ^ 8); ext_int(x + 9); printk("%d", x ^ 9); ext_int(x + 10); printk("%d", x ^ 10); ext_int(x + 11); printk("%d", x ^ 11); ext_int(x + 12); printk("%d", x ^ 12); ext_int(x + 13); printk("%d", x ^ 13); ext_int(x + 14); printk("%d", x ^ 14); ext_int(x + 15); printk("%d", x ^ 15); ext_int(x + 16); printk("%d", x ^ 16); ext_int(x + 17); printk("%d", x ^ 17); ext_int(x + 18); printk("%d", x ^ 18); ext_int(x + 19); printk("%d", x ^ 19); ext_int(x + 20); printk("%d", x ^ 20); ext_int(x + 21); printk("%d", x ^ 21); ext_int(x + 22); printk("%d", x ^ 22); ext_int(x + 23); printk("%d", x ^ 23); ext_int(x + 24); printk("%d", x ^ 24); ext_int(x + 25); printk("%d", x ^ 25); ext_int(x + 26); printk("%d", x ^ 26); ext_int(x + 27); printk("%d", x ^ 27); ext_int(x + 28); printk("%d", x ^ 28); ext_int(x + 29); printk("%d", x ^ 29); ext_int(x + 30); printk("%d", x ^ 30); ext_int(x + 31); printk("%d", x ^ 31); ext_int(x + 32); printk("%d", x ^ 32); ext_int(x + 33); printk("%d", x ^ 33); ext_int(x + 34); printk("%d", x ^ 34); ext_int(x + 35); printk("%d", x ^ 35); ext_int(x + 36); printk("%d", x ^ 36); ext_int(x + 37); printk("%d", x ^ 37); ext_int(x + 38); printk("%d", x ^ 38); ext_int(x + 39); printk("%d", x ^ 39); return ext_int(x); }
int u1(int x) { return helper(x); }
int u2(int x) { return helper(x + 1) ^ helper(x + 9); }
int u3(int x) { return helper(x + 3) * 3; }
notrace int quiet(int x) { return ext_int(x); }
noinstr int entry_path(int x) { return ext_int(x); }
int __section(".init.text") setup(int x) { return ext_int(x); }
asm(".pushsection .text\n.globl asm_fn\n.type asm_fn,@function\nasm_fn:\n\tret\n.size asm_fn,.-asm_fn\n.popsection");
