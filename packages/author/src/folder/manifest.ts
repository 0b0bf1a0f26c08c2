import { type Finding, Refusal } from '@klpkit/findings';
import { checkManifest, type Manifest, manifestFile, manifestFormat } from '@klpkit/livepatch';
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';

const text = v.pipe(v.string(), v.minLength(1));
const sympos = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.description('0 when the name is unique in its object, else counted from 1 as the kernel counts'),
);
const object = v.pipe(text, v.description('vmlinux, or the name of a module with underscores'));

/** The schema of `klpkit.json`. */
const manifestSchema = v.pipe(
  v.strictObject({
    $schema: v.exactOptional(v.pipe(v.string(), v.description('where this schema is, for editors'))),
    format: v.literal(manifestFormat),
    name: v.pipe(text, v.description("the module's name: letters, digits and underscores")),
    replace: v.pipe(v.boolean(), v.description('atomic replace')),
    kernel: v.exactOptional(
      v.pipe(
        v.strictObject({ id: v.exactOptional(text), release: v.exactOptional(text) }),
        v.description('the kernel that the folder was made for; another one is refused'),
      ),
    ),
    main: v.exactOptional(
      v.pipe(
        text,
        v.description('C file with the klp structures, init and exit; absent: klpkit makes them of objects'),
      ),
    ),
    sources: v.array(
      v.strictObject({
        file: v.pipe(text, v.description('C file, path in the folder')),
        object: v.pipe(object, v.description('whose code it patches: vmlinux or a module')),
        unit: v.exactOptional(
          v.pipe(
            text,
            v.description("source of the kernel whose compiler flags it gets; absent: a module's"),
          ),
        ),
        compile: v.exactOptional(v.pipe(v.array(text), v.description('further words for the compiler'))),
      }),
    ),
    objects: v.array(
      v.strictObject({
        name: object,
        functions: v.array(
          v.strictObject({
            old: v.pipe(text, v.description('symbol in the running kernel')),
            new: v.pipe(text, v.description('C function that takes its place')),
            sympos,
          }),
        ),
      }),
    ),
    symbols: v.array(
      v.strictObject({
        name: v.pipe(text, v.description('in C')),
        symbol: v.exactOptional(v.pipe(text, v.description('in the kernel, when it differs: count.37'))),
        object: v.pipe(object, v.description('who has it')),
        sympos,
        kind: v.picklist(['function', 'variable']),
        how: v.picklist(['exported', 'klp-relocation']),
        why: v.exactOptional(v.pipe(text, v.description('how it was found'))),
      }),
    ),
    modules: v.exactOptional(
      v.pipe(
        v.array(
          v.strictObject({
            name: v.pipe(text, v.description('letters, digits and underscores')),
            files: v.pipe(v.array(text), v.description('C files, paths in the folder')),
          }),
        ),
        v.description(
          "modules outside the kernel's tree that objects and symbols name; they are built as well",
        ),
      ),
    ),
    author: v.exactOptional(
      v.pipe(v.record(v.string(), v.unknown()), v.description('for readers: whose fix this is')),
    ),
  }),
  v.title('klpkit.json: a livepatch as a folder of C'),
);

/** The JSON Schema of a manifest. */
export function manifestJsonSchema(): object {
  return toJsonSchema(manifestSchema);
}

/** `symbols[3].name`. */
function pathText(path: readonly { readonly key: unknown }[]): string {
  return path
    .map(({ key }, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

/**
 * Reads a manifest. Every fault is found at once: those of the shape, or, where the shape is right, those of {@link checkManifest}.
 *
 * @throws {Refusal} with findings that name the path in the manifest, what is expected there and what is found
 */
export function readManifest(json: string, file: string = manifestFile): Manifest {
  const refuse = (what: string, next: string, path?: string): Finding => ({
    id: 'manifest',
    severity: 'error',
    what,
    next,
    at: { file, ...(path ? { symbol: path } : {}) },
  });
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Refusal([refuse(`it is no JSON: ${why}`, 'mend it at that place')]);
  }
  const result = v.safeParse(manifestSchema, value);
  if (!result.success)
    throw new Refusal(
      result.issues.map((issue) => {
        const path = issue.path ? pathText(issue.path) : '';
        const found = issue.received.length > 80 ? `${issue.received.slice(0, 80)}…` : issue.received;
        const what = issue.expected ? `expected ${issue.expected}, found ${found}` : issue.message;
        const next =
          issue.expected === 'never'
            ? 'leave it out: a manifest has no such member'
            : 'packages/cli/schemas/manifest.schema.json says what belongs there';
        return refuse(
          issue.expected === 'never' ? `there is no member ${path} in a manifest` : what,
          next,
          path,
        );
      }),
    );
  const manifest: Manifest = result.output;
  const findings = checkManifest(manifest);
  if (findings.length > 0) throw new Refusal(findings.map((one) => ({ ...one, at: { ...one.at, file } })));
  return manifest;
}
