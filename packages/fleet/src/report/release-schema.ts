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
      items: mapping({ id: text, title: text, cves: texts, group: text, inputs }, ['title', 'group']),
    },
    objects: { type: 'array', items: mapping({ name: text, functions: texts }) },
    group: {
      type: 'string',
      description: 'Equal for livepatches that replace the same functions by the same code',
    },
    inputs,
  },
  ['sourceVersion', 'coveredUntil', 'group'],
);

/** The JSON schema of `manifest.json` of a release. */
export function releaseSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'klpkit release',
    ...mapping({ format: { const: releaseFormat }, name: text, kernels: { type: 'array', items: kernel } }),
  };
}
