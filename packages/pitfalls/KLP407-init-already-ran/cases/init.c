// SPDX-License-Identifier: MIT
#include "klpmin.h"
__section(".init.text") int nic_start(void)
{
#ifdef FIX
	return ext_int(2);
#else
	return ext_int(1);
#endif
}
