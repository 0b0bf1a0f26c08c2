import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Structures of the sizes and with the members of Debian's 6.1 and 6.12 for amd64, and what marks a module. */
const prelude = `
typedef _Bool bool;
struct module { char bytes[64]; };
struct klp_func { const char *old_name; void *new_func; unsigned long old_sympos; char rest[128]; };
struct klp_callbacks { void *pre_patch, *post_patch, *pre_unpatch, *post_unpatch; };
struct klp_object { const char *name; struct klp_func *funcs; struct klp_callbacks callbacks; char rest[120]; };
struct klp_state { unsigned long id; unsigned int version; void *data; };
struct klp_patch { struct module *mod; struct klp_object *objs; struct klp_state *states; bool replace; char rest[168]; };
_Static_assert(sizeof(struct klp_func) == 152 && sizeof(struct klp_object) == 168, "layout");
_Static_assert(sizeof(struct klp_state) == 24 && sizeof(struct klp_patch) == 200, "layout");
extern int klp_enable_patch(struct klp_patch *);
extern struct module __this_module;
#define section(name) __attribute__((__section__(name), __used__))
#define str_(x) #x
#define INFO(id, text) static const char info_##id[] section(".modinfo") = #id "=" text;
#define init static int section(".init.text") start(void)
#line 1 "livepatch.c"
`;

const marks = 'INFO(name, "test") INFO(license, "GPL") INFO(vermagic, "1.0 SMP ") INFO(livepatch, "Y")\n';

/** Compiles C and links it as a module is, without the kernel's own tools. `marks` unless told otherwise. */
export async function makeModule(source: string, info: string = marks): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-test-'));
  try {
    const [c, o, ko] = ['a.c', 'a.o', 'a.ko'].map((name) => join(folder, name));
    await writeFile(c, `${prelude}${source}\n${info}`);
    const flags = ['-O1', '-w', '-fno-pie', '-mcmodel=kernel', '-ffreestanding', '-mno-sse', '-fno-common'];
    flags.push('-ffunction-sections', '-fno-asynchronous-unwind-tables', '-fcf-protection=none');
    await run('gcc-12', [...flags, '-c', '-o', o, c]);
    await run('ld', ['-r', '-m', 'elf_x86_64', '-o', ko, o]);
    return new Uint8Array(await readFile(ko));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What `readelf -SsrW` says of a file, and what it complains of. */
export async function readelf(bytes: Uint8Array): Promise<{ text: string; complaints: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-test-'));
  try {
    await writeFile(join(folder, 'a.ko'), bytes);
    const { stdout, stderr } = await run('readelf', ['-SsrW', join(folder, 'a.ko')]);
    return { text: stdout, complaints: stderr };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A livepatch of one vmlinux function and two of a module, which refers to four symbols by placeholders. */
export const sample = `
extern int ref_0_counter;
extern int ref_1_counter;
extern int ref_2_helper(int);
extern int ref_3_state;
extern int printk(const char *, ...);
int __klpkit_new_0_show(int x) { printk("%d", ref_0_counter); return ref_0_counter + ref_1_counter + x; }
int __klpkit_new_1_ioctl(int x) { return ref_2_helper(x) + ref_3_state; }
int __klpkit_new_2_open(int x) { return x + 1; }
static struct klp_func core[] = { { "show", __klpkit_new_0_show, 2 }, { } };
static struct klp_func loop[] = { { "ioctl.isra.0", __klpkit_new_1_ioctl }, { "open", __klpkit_new_2_open }, { } };
static struct klp_object objs[] = { { 0, core }, { "loop", loop }, { } };
static struct klp_patch patch = { &__this_module, objs, 0, 1 };
init { return klp_enable_patch(&patch); }
`;
