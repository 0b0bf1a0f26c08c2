/* SPDX-License-Identifier: MIT */
/* Just enough of what kernel headers give for the cases to be compiled by themselves. */
#ifndef KLPMIN_H
#define KLPMIN_H
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef _Bool bool;
typedef unsigned long size_t;
#define NULL ((void *)0)
#define noinline __attribute__((__noinline__))
#define __always_inline inline __attribute__((__always_inline__))
#define notrace __attribute__((__no_instrument_function__))
#define __used __attribute__((__used__))
#define __weak __attribute__((__weak__))
#define __cold __attribute__((__cold__))
#define __section(s) __attribute__((__section__(s)))
#define unlikely(x) __builtin_expect(!!(x), 0)
#define likely(x) __builtin_expect(!!(x), 1)
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
extern int printk(const char *fmt, ...);
extern void ext(void);
extern int ext_int(int);
extern void ext_ptr(void *);
#endif
