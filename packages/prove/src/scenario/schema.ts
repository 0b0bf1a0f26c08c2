import { commonModifiers, fileKeys, parameterKeys, type Shape, stepKinds } from './grammar.ts';

type Json = { readonly [key: string]: unknown };

const name = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_-]*$' };
const scalar = { type: ['string', 'number', 'boolean'] };
const listOf = (items: Json): Json => ({ oneOf: [items, { type: 'array', minItems: 1, items }] });

const shapes: Readonly<Record<Shape, Json>> = {
  alias: name,
  'kernel-module': { type: 'string', minLength: 1 },
  name,
  text: { type: 'string', minLength: 1 },
  path: { type: 'string', minLength: 1 },
  seconds: { oneOf: [{ type: 'number', minimum: 0, maximum: 600 }, { $ref: '#/$defs/parameter' }] },
  count: { oneOf: [{ type: 'integer', minimum: 1, maximum: 1000 }, { $ref: '#/$defs/parameter' }] },
  'exit-code': { type: 'integer', minimum: 0, maximum: 255 },
  flag: { type: 'boolean' },
  true: { const: true },
  errno: { type: 'string', pattern: '^E[A-Z0-9]+$' },
  pattern: scalar,
  patterns: listOf(scalar),
  values: {
    type: 'object',
    minProperties: 1,
    additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
  },
  'fault-ids': { type: 'array', items: { type: 'string' } },
  steps: { type: 'array', minItems: 1, items: { $ref: '#/$defs/step' } },
};

const described = (shape: Json, description: string): Json => ({ description, ...shape });

function stepSchemas(): Json[] {
  return Object.entries(stepKinds).map(([action, kind]) => {
    const keys = { [action]: kind, ...kind.with, ...commonModifiers };
    const required = [action, ...(action === 'background' ? ['name'] : action === 'repeat' ? ['times'] : [])];
    return {
      title: action,
      description: kind.brief,
      type: 'object',
      properties: Object.fromEntries(
        Object.entries(keys).map(([key, { shape, brief }]) => [key, described(shapes[shape], brief)]),
      ),
      required,
      additionalProperties: false,
    };
  });
}

/** The JSON schema of a scenario file, as editors use it; what it accepts the reader accepts, except where names must be known. */
export function scenarioSchema(): Json {
  const text = (key: string): Json => described({ type: 'string', minLength: 1 }, fileKeys[key] ?? '');
  const texts = (key: string): Json =>
    described({ type: 'array', items: { type: 'string' } }, fileKeys[key] ?? '');
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'klpkit scenario',
    type: 'object',
    properties: {
      $schema: text('$schema'),
      name: described(name, fileKeys.name ?? ''),
      summary: text('summary'),
      kernels: texts('kernels'),
      modules: described(
        {
          type: 'object',
          propertyNames: name,
          additionalProperties: { type: ['string', 'null'], description: 'File beside the scenario' },
        },
        fileKeys.modules ?? '',
      ),
      parameters: described(
        {
          type: 'object',
          propertyNames: name,
          additionalProperties: {
            oneOf: [
              scalar,
              { type: 'null' },
              {
                type: 'object',
                properties: Object.fromEntries(
                  Object.entries(parameterKeys).map(([key, brief]) => [
                    key,
                    described(key === 'default' ? scalar : { type: 'string' }, brief),
                  ]),
                ),
                additionalProperties: false,
              },
            ],
          },
        },
        fileKeys.parameters ?? '',
      ),
      targets: texts('targets'),
      files: described(
        { type: 'object', propertyNames: { pattern: '^/' }, additionalProperties: { type: 'string' } },
        fileKeys.files ?? '',
      ),
      memory: described({ type: 'integer', minimum: 128, maximum: 65536 }, fileKeys.memory ?? ''),
      append: texts('append'),
      allows: texts('allows'),
      steps: described(shapes.steps, fileKeys.steps ?? ''),
    },
    required: ['name', 'steps'],
    additionalProperties: false,
    $defs: {
      parameter: { type: 'string', pattern: '^\\$\\{[A-Za-z0-9_-]+\\}$' },
      step: { oneOf: stepSchemas() },
    },
  };
}
