/** A page of the handbook in the order in which one learns. */
export interface ListedPage {
  /** Its address, and its file below `src/content/docs`: `api/callbacks`. */
  readonly slug: string;
  /** In the sidebar; short. */
  readonly label: string;
}

/** A chapter: a group of the sidebar. */
export interface Chapter {
  readonly label: string;
  readonly pages: readonly ListedPage[];
}

const page = (slug: string, label: string): ListedPage => ({ slug, label });

/**
 * All pages but those of the pitfalls, in learning order. A page that is not written yet is left out of the sidebar; that all are
 * there is what a test asks.
 */
export const chapters: readonly Chapter[] = [
  {
    label: 'Start',
    pages: [
      page('index', 'Where to begin'),
      page('start/first-livepatch', 'Your first livepatch'),
      page('start/create', 'How to create a livepatch'),
      page('start/review', 'Reviewing a livepatch'),
    ],
  },
  {
    label: 'Concepts',
    pages: [
      page('concepts/how-it-works', 'Why and how it works'),
      page('concepts/consistency', 'The consistency model'),
      page('concepts/life', 'The life of a livepatch'),
      page('concepts/limits', 'Limits'),
      page('concepts/history', 'History'),
    ],
  },
  {
    label: 'Two ways to create one',
    pages: [
      page('creation/two-ways', 'Source or binary'),
      page('creation/binary', 'The binary route'),
      page('creation/source', 'The source route'),
      page('creation/distributions', 'How distributions do it'),
      page('creation/other-tools', 'Other tools'),
    ],
  },
  {
    label: 'The livepatch API',
    pages: [
      page('api/basic', 'Patches, objects, functions'),
      page('api/callbacks', 'Callbacks'),
      page('api/shadow-variables', 'Shadow variables'),
      page('api/cumulative-patches', 'Cumulative patches'),
      page('api/system-state', 'System state'),
      page('api/together', 'Replace, callbacks and states together'),
    ],
  },
  {
    label: 'Unexported symbols',
    pages: [
      page('symbols/unexported', 'Referring to unexported symbols'),
      page('symbols/klp-relocations', 'KLP relocations to the byte'),
      page('symbols/sympos', 'Duplicate names and sympos'),
      page('symbols/converter', 'Using the converter'),
    ],
  },
  {
    label: 'Compiler considerations',
    pages: [
      page('compiler/considerations', 'What the compiler does to you'),
      page('compiler/inlining', 'Inlining'),
      page('compiler/clones', 'Clones and their suffixes'),
      page('compiler/interprocedural', 'Knowledge across functions'),
      page('compiler/sections', 'Sections and special sections'),
      page('compiler/clang-and-lto', 'Clang and LTO'),
      page('compiler/architectures', 'Other architectures'),
      page('compiler/neutralise', 'What neutralises what'),
      page('compiler/look', 'Look for yourself'),
    ],
  },
  {
    label: 'Operating',
    pages: [
      page('operating/loading', 'Load, watch, take back'),
      page('operating/stalled-transitions', 'Stalled transitions'),
      page('operating/signing', 'Signing'),
      page('operating/tracing', 'Tracing beside livepatching'),
      page('operating/upgrades', 'Upgrades'),
      page('operating/matrix', 'Many kernels, many fixes'),
      page('operating/incidents', 'When it goes wrong'),
    ],
  },
  {
    label: 'Troubleshooting',
    pages: [
      page('troubleshooting/kernel-messages', 'By message of the kernel'),
      page('troubleshooting/klpkit-messages', 'By message of klpkit'),
    ],
  },
  {
    label: 'Reference',
    pages: [
      page('workbench', 'Workbench'),
      page('reference/commands', 'Commands'),
      page('reference/schemas', 'Schemas of answers'),
      page('reference/library', 'Library'),
      page('reference/exit-codes', 'Exit codes'),
      page('glossary', 'Glossary'),
    ],
  },
];

/** The groups of pitfalls by the first digit of their numbers. */
export const pitfallGroups = [
  { digit: '1', label: 'What the compiler did' },
  { digit: '2', label: 'What the kernel refuses or does' },
  { digit: '3', label: 'References and special sections' },
  { digit: '4', label: 'Transition and meaning' },
  { digit: '5', label: 'Data' },
] as const;

/** The address of a pitfall's page, without slashes around it. */
export function pitfallSlug(id: string): string {
  return `pitfalls/${id.toLowerCase()}`;
}
