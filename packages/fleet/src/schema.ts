import { kernelFlavours } from './read.ts';

type Json = { readonly [key: string]: unknown };

const described = (schema: Json, description: string): Json => ({ description, ...schema });
const text: Json = { type: 'string' };
const scalar: Json = { type: ['string', 'number', 'boolean'] };
/** Beside the matrix or below it. */
const path: Json = { type: 'string', pattern: '^(?!/)(?!(.*/)?\\.\\.(/|$))[^\\u0000]+$' };
const paths: Json = { type: 'array', items: path };
const day: Json = described(
  { type: 'string', pattern: '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$' },
  'Day until which the kernel is looked after, 2027-06-30',
);
const cve: Json = { type: 'string', pattern: '^CVE-\\d{4}-\\d{4,}$' };

const mapping = (properties: Readonly<Record<string, Json>>, required: readonly string[]): Json => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const kernel: Json = {
  oneOf: [
    described(
      { type: 'string', minLength: 1 },
      'debian:6.12.117+deb12-amd64, or the newest of a series: debian:6.12',
    ),
    mapping(
      {
        id: described({ type: 'string', minLength: 1 }, 'As it is named alone'),
        coveredUntil: day,
        shipped: described(path, 'The livepatch that is in the field, which the new one must follow'),
      },
      ['id'],
    ),
    mapping(
      {
        series: described(
          { type: 'string', pattern: '^debian:\\d+\\.\\d+$' },
          'Kernels of this series that are in the cache',
        ),
        flavours: described(
          { type: 'array', minItems: 1, items: { enum: kernelFlavours } },
          'Of these flavours; amd64 when it is absent',
        ),
        newest: described(
          { type: 'integer', minimum: 1, maximum: 1000 },
          'So many of each flavour, the newest; else all',
        ),
        coveredUntil: day,
      },
      ['series'],
    ),
  ],
};

const check: Json = mapping(
  {
    run: described(text, 'Command in the VM'),
    before: described(scalar, 'What it says without the livepatch: a line, or /regex/'),
    patched: described(scalar, 'What it says with it'),
    reverted: described(scalar, 'What it says when the livepatch is gone'),
  },
  ['run'],
);

const withdrawn = described(
  mapping({ by: { type: 'string', minLength: 1 }, reason: { type: 'string', minLength: 1 } }, [
    'by',
    'reason',
  ]),
  'Taken back: by whom, and why',
);

const release: Json = mapping(
  {
    folder: described(path, 'Folder that klpkit matrix report --release wrote'),
    withdrawn,
  },
  ['folder'],
);

const fix: Json = {
  ...mapping(
    {
      id: described({ type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,39}$' }, 'Own name of the fix'),
      title: described(text, 'What it mends'),
      cve: described({ oneOf: [cve, { type: 'array', items: cve }] }, 'Its CVE, or several'),
      patch: described(path, 'The patch, relative to this file'),
      patches: described(paths, 'Several patches, in their order'),
      backports: described(
        { type: 'object', additionalProperties: { oneOf: [path, paths] } },
        'Other patches for kernels whose release begins so',
      ),
      releases: described(
        { type: 'array', items: scalar },
        'Beginnings of the releases that it is for; else all',
      ),
      overrides: described(
        { type: 'object', additionalProperties: scalar },
        'Findings that the author answers for, with the reason of each',
      ),
      checks: described({ type: 'array', minItems: 1, items: check }, 'Commands that show the fix'),
      unpatchable: described(text, 'Why no livepatch can be made of it'),
      mitigation: described(
        text,
        'What its livepatch does instead of mending: it helps until the fix is there, and never counts as one',
      ),
      withdrawn,
      notes: described({}, 'For people; klpkit does not read it'),
    },
    ['id'],
  ),
  anyOf: [
    { required: ['patch'] },
    { required: ['patches'], properties: { patches: { minItems: 1 } } },
    { required: ['unpatchable'] },
  ],
};

const count = (minimum: number): Json => ({ type: 'integer', minimum, maximum: 100_000 });

/**
 * The JSON schema of a matrix file, as editors use it. What it accepts {@link readMatrix} accepts, except for ids that occur twice
 * and for what is no regular expression.
 */
export function matrixSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'klpkit matrix',
    ...mapping(
      {
        $schema: text,
        format: described({ enum: [1, '1'] }, 'Version of this format'),
        name: described(
          { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_-]*$' },
          'Name of the livepatches of all fixes; web when it is absent',
        ),
        kernels: described(
          { type: 'array', minItems: 1, items: kernel },
          'Kernels, which must be in the cache',
        ),
        fixes: described(
          { type: 'array', minItems: 1, items: fix },
          'Fixes, in the order in which they are applied',
        ),
        released: described(
          { type: 'array', minItems: 1, items: release },
          'What was released before, the oldest first; the next livepatch must be able to follow it',
        ),
        policy: described(
          mapping(
            {
              route: described(
                { enum: ['binary', 'source'] },
                'How livepatches are made: cut out of the compiled units (default), or compiled from C',
              ),
              prove: described({ type: 'boolean' }, 'Prove each livepatch in the VM; default true'),
              cumulative: described(
                { type: 'boolean' },
                'Make one livepatch of all good fixes; default true',
              ),
              maxWarnings: described(count(0), 'Most warnings that pass without a human; else any'),
              maxUnits: described(count(1), 'Most units that a changed header may reach'),
              scenarios: described(
                paths,
                'Scenarios that each proven livepatch is taken through: load-cycles, or a file beside this one',
              ),
              unsupported: described(
                { type: 'array', items: { type: 'string', pattern: '^(?!vmlinux$)[\\w-]+$' } },
                'Modules that nobody looks after; a fix of nothing else is not made',
              ),
              warnDays: described(
                count(0),
                "So many days before a kernel's coveredUntil its end is told; default 30",
              ),
            },
            [],
          ),
          'What is done with every fix',
        ),
      },
      ['format', 'kernels', 'fixes'],
    ),
  };
}
