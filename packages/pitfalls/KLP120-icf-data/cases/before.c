// SPDX-License-Identifier: MIT
#include "klpmin.h"
static const int rx_map[4] = { 1, 2, 3, 4 };
static const int tx_map[4] = { 1, 2, 3, 4 };
int rx(int i) { return rx_map[i & 3]; }
int tx(int i) { return tx_map[i & 3]; }
