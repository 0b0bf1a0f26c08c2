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
}

/** The examples, in the order in which they are offered. */
export const examples: readonly Example[] = [
  {
    label: 'A livepatch that the kernel refuses: a function that does not exist',
    files: [{ name: 'klp203.ko', folder: 'KLP203-no-such-function', source: 'faulty.c', kind: 'module' }],
  },
  {
    label: 'Two objects: a fix in a function that is inlined into some callers',
    files: [
      { name: 'klp102-before.o', folder: 'KLP102-inlined-selectively', source: 'before.c', kind: 'object' },
      { name: 'klp102-after.o', folder: 'KLP102-inlined-selectively', source: 'after.c', kind: 'object' },
    ],
  },
];
