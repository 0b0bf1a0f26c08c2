const files: Record<string, string> = import.meta.glob('../../packages/cli/schemas/*.schema.json', {
  query: '?raw',
  import: 'default',
  eager: true,
});

/** The published schemas as text, by the name of what they describe: `check`. */
export const schemaFiles: ReadonlyMap<string, string> = new Map(
  Object.entries(files)
    .map(([path, text]): [string, string] => [path.replace(/^.*\/|\.schema\.json$/g, ''), text])
    .sort(([a], [b]) => (a < b ? -1 : 1)),
);
