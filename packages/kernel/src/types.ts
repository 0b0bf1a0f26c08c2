/**
 * A kernel to patch, unpacked in the cache or built by the user. Paths are absolute.
 * What is absent is `undefined`, and `klpkit kernel show` says which commands need it.
 */
export interface Kernel {
  /** The name that the user gives: `debian:6.12.117+deb12-amd64`, or `tree:<release>` for a build tree. */
  readonly id: string;
  /** `uname -r` of the booted kernel: `6.12.117+deb12-amd64`. */
  readonly release: string;
  /** `x86`: the kernel's name of its architecture (ARCH). */
  readonly arch: 'x86';
  /** The kernel's folder in the cache; derived files live here. */
  readonly dir: string;
  /** The shipped bzImage. */
  readonly vmlinuz: string;
  /** The decompressed image, an ELF file. */
  readonly vmlinux: string;
  /** `lib/modules/<release>`, with `kernel/…/*.ko[.xz|.zst]`. */
  readonly modulesDir: string;
  /** The build folder of single units: generated headers, .config, scripts. `OUT` of the reference. */
  readonly buildDir: string;
  /** The unmodified source tree. */
  readonly sourceDir: string;
  /** The folder that out-of-tree modules are built in: `usr/src/linux-headers-<release>`; holds `.config`, `Module.symvers`. */
  readonly headersDir: string;
  /** The compiler of the kernel's own makefiles: `x86_64-linux-gnu-gcc-12`. */
  readonly compiler: string;
  /** What the kernel's own configuration says of its compiler: `x86_64-linux-gnu-gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0`; `linux_banner` says the same. */
  readonly compilerVersion: string;
  /** Symbol versions of the whole kernel, one export a line; modpost's `-i`. */
  readonly moduleSymvers: string;
  /** The linker script of the last link of a module (`ld -T`). */
  readonly moduleLds: string;
  /** The objtool program, runnable as it is. */
  readonly objtool: string;
  /** The modpost program, runnable as it is. */
  readonly modpost: string;
  /** `scripts/module-common.c`, which 6.12 and later compile and link into every module; absent in older kernels. */
  readonly moduleCommon?: string;
  /** Version of the distribution's source package that image and source are made from: `6.12.117-1~deb12u1`. Absent for build trees. */
  readonly sourceVersion?: string;
  /** Files of modules that are built outside of the kernel's tree and are known beside those that it ships; see `withModules`. */
  readonly furtherModules?: readonly string[];
  /** For a build tree: what of it klpkit looked at when it was added; another value now means that it was built anew. */
  readonly stamp?: string;
}

/** One C translation unit that this configuration builds. */
export interface Unit {
  /** Source file relative to the tree: `fs/namei.c`. */
  readonly source: string;
  /** Object file relative to the build folder: `fs/namei.o`. */
  readonly object: string;
  /** `vmlinux`, or the module's name with underscores, as the kernel knows it: `snd_hda_intel`. */
  readonly owner: string;
  /** For a module: path of its .ko below `kernel/` without compression suffix: `sound/pci/hda/snd-hda-intel.ko`. */
  readonly ko?: string;
  /** Compiler and arguments as Kbuild would call them, without `-o`, `-c SOURCE`, dependency output; run in `buildDir`. */
  readonly argv: readonly string[];
}

/** A step's report on long work. `total` is absent while unknown. */
export interface Progress {
  /** What is being done: `download linux-image-6.12.117+deb12-amd64`. */
  readonly label: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: 'bytes' | 'files' | 'units' | 'cells';
}

/** Is told how far something is, as often as it likes to tell. */
export type OnProgress = (progress: Progress) => void;
