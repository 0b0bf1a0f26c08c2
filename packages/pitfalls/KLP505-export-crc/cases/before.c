// SPDX-License-Identifier: MIT
struct opaque;
struct pub { int a; struct opaque *o; };
int pub_get(struct pub *p) { return p->a; }
__KSYMTAB_EXPORT(pub_get)
