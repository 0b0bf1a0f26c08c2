/** Flags of the commands that make a livepatch of fixes. */
export const fixFlags = {
  name: {
    kind: 'parsed',
    parse: String,
    brief: "Name of the livepatch; else the first patch's file name",
    placeholder: 'NAME',
    optional: true,
  },
  replace: {
    kind: 'boolean',
    brief: 'Replace all livepatches that are loaded (atomic replace)',
    default: true,
  },
  unit: {
    kind: 'parsed',
    parse: String,
    variadic: true,
    brief: 'Restrict the livepatch to this source file; may be repeated',
    placeholder: 'FILE.c',
    optional: true,
  },
} as const;
