// SPDX-License-Identifier: MIT
#include "klpmin.h"
static noinline bool ratelimit(int now) { static int last; if (now - last < 5) return 0; last = now; return 1; }
static noinline bool ratelimit_tx(int now) { static int last; if (now - last < 9) return 0; last = now; return 1; }
void warn_rx(int now) { if (ratelimit(now)) printk("rx\n"); }
void warn_tx(int now) { if (ratelimit_tx(now)) printk("tx\n"); }
