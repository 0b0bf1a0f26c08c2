/** An example that the workbench offers: one file, or two to compare. */
export interface Example {
  /** What it shows, in a few words. */
  readonly label: string;
  readonly files: readonly ExampleFile[];
}

/** One file of an {@link Example}: a case of a pitfall, compiled when the site is built. */
export interface ExampleFile {
  /** In `examples/` of the site. */
  readonly name: string;
  /** The pitfall's folder in packages/pitfalls. */
  readonly folder: string;
  /** File of its `cases/`. */
  readonly source: string;
  readonly kind: 'object' | 'module';
  /** Symbols of vmlinux that become KLP relocations. */
  readonly klp: readonly string[];
}

const module = (
  name: string,
  folder: string,
  source = 'faulty.c',
  klp: readonly string[] = [],
): ExampleFile => ({
  name,
  folder,
  source,
  kind: 'module',
  klp,
});

/** The examples, in the order in which they are offered. */
export const examples: readonly Example[] = [
  {
    label: 'A livepatch that reads a private variable of the kernel through a KLP relocation',
    files: [module('klp301.ko', 'KLP301-unexported-symbol', 'faulty.c', ['saved_command_line'])],
  },
  {
    label: 'A livepatch with a callback and a shadow variable that nothing frees',
    files: [module('klp213.ko', 'KLP213-callbacks-run-again')],
  },
  {
    label: 'Two objects, before and after a fix in a function that is inlined into its callers',
    files: [
      {
        name: 'klp102-before.o',
        folder: 'KLP102-inlined-selectively',
        source: 'before.c',
        kind: 'object',
        klp: [],
      },
      {
        name: 'klp102-after.o',
        folder: 'KLP102-inlined-selectively',
        source: 'after.c',
        kind: 'object',
        klp: [],
      },
    ],
  },
  {
    label: 'Two livepatches, of which the second must not follow the first: versions of a state',
    files: [
      module('klp216-older.ko', 'KLP216-state-versions', 'older.c'),
      module('klp216-newer.ko', 'KLP216-state-versions', 'faulty.c'),
    ],
  },
];
