import { releaseFormat } from './release.ts';

type Json = { readonly [key: string]: unknown };

const text: Json = { type: 'string' };
const texts: Json = { type: 'array', items: text };
const digest = (description: string): Json => ({ type: 'string', pattern: '^[0-9a-f]{64}$', description });
const inputs = digest('Of everything that it was made and proven from');

const mapping = (properties: Readonly<Record<string, Json>>, optional: readonly string[] = []): Json => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
  additionalProperties: false,
});

const file = {
  file: { type: 'string', description: 'Relative to the folder of the release' },
  sha256: digest('Of the file as it lies there'),
  size: { type: 'integer', minimum: 0, description: 'In bytes' },
};

const kernel = mapping(
  {
    kernel: text,
    release: { type: 'string', description: 'What uname -r says' },
    sourceVersion: text,
    coveredUntil: text,
    module: mapping(
      {
        name: { type: 'string', description: 'As lsmod shows it' },
        ...file,
        proven: digest('Of the module that was proven: another one where it was signed afterwards'),
        signature: mapping({ hash: text, certificate: digest('Of the certificate to verify it by') }),
      },
      ['signature'],
    ),
    report: mapping(file),
    page: mapping(file),
    fixes: {
      type: 'array',
      items: mapping(
        {
          id: text,
          title: text,
          cves: texts,
          mitigation: { type: 'string', description: 'What it does instead of mending; its CVEs are open' },
          group: text,
          inputs,
        },
        ['title', 'mitigation', 'group'],
      ),
    },
    objects: { type: 'array', items: mapping({ name: text, functions: texts }) },
    group: {
      type: 'string',
      description: 'Equal for livepatches that replace the same functions by the same code',
    },
    inputs,
    follows: {
      type: 'array',
      description: 'Livepatches that may be loaded when it comes: it was checked to follow each',
      items: mapping({ sha256: digest('Of the module as it was handed over'), version: text }, ['version']),
    },
  },
  ['sourceVersion', 'coveredUntil', 'group', 'follows'],
);

/** The JSON schema of `manifest.json` of a release. */
export function releaseSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'klpkit release',
    ...mapping(
      {
        format: { const: releaseFormat },
        name: text,
        version: { type: 'string', description: 'What people call the release' },
        notice: { type: 'string', description: 'The notice that goes with it' },
        kernels: { type: 'array', items: kernel },
        withdrawn: {
          type: 'array',
          description: 'Livepatches of all releases so far that must not be loaded any more',
          items: mapping(
            {
              kernel: text,
              name: text,
              version: text,
              sha256: digest('Of the module as it was handed over'),
              reason: text,
            },
            ['version'],
          ),
        },
      },
      ['version', 'notice'],
    ),
  };
}
