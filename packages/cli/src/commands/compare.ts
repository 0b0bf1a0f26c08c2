import type { Comparison, FunctionChange } from '@klpkit/compare';
import { type Finding, UsageError } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlagFor } from '../context.ts';
import { Exit } from '../exit.ts';
import { findingText } from '../failure.ts';
import { chooseKernel, readUserFile } from '../input.ts';
import type { Answer } from '../schemas.ts';

type Compared = Extract<Answer<'compare'>, { outcome: 'same' | 'different' }>;

async function readObject(path: string) {
  const bytes = await readUserFile(path);
  const { FormatError } = await import('@klpkit/formats');
  const { readObjectModel } = await import('@klpkit/compare');
  try {
    return readObjectModel(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UsageError(`${path}: ${error.message}`, wanted);
  }
}

const wanted = 'give two relocatable objects that one compiler made of the same source, before and after';

/** The comparison; an object that turns out to be malformed only now is named. */
async function comparisonOf(beforePath: string, afterPath: string, sizes?: ReadonlyMap<string, number>) {
  const { FormatError } = await import('@klpkit/formats');
  const { compareObjects } = await import('@klpkit/compare');
  const before = await readObject(beforePath);
  const after = await readObject(afterPath);
  try {
    return compareObjects(before, after, sizes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    let path = afterPath;
    try {
      compareObjects(before, before, sizes);
    } catch {
      path = beforePath;
    }
    throw new UsageError(`${path}: ${error.message}`, wanted);
  }
}

/** Sizes of the structures that tables are made of, by name. */
async function entrySizes(kernel: Kernel): Promise<ReadonlyMap<string, number>> {
  const { loadImage } = await import('@klpkit/kernel');
  const { tableStructs } = await import('@klpkit/compare');
  const btf = (await loadImage(kernel)).btf();
  if (!btf)
    throw new UsageError(
      `${kernel.id} has no type information (BTF)`,
      'leave --kernel out: the objects tell most sizes',
    );
  return new Map(
    tableStructs.flatMap((struct) => {
      const size = btf.findStruct(struct)?.sizeBytes;
      return size === undefined ? [] : [[struct, size]];
    }),
  );
}

/** What differs in the types of two objects, or why that is not known: their code can be compared all the same. */
async function typeFindings(
  { before, after, functions }: Comparison,
  kernel?: Kernel,
  signal?: AbortSignal,
): Promise<{ found: Finding[]; unknown: Finding[] }> {
  const { compareSignatures, compareTypes, enumFinding, exportsOf, layoutFinding, typesOfObjects } =
    await import('@klpkit/compare');
  const { FormatError, readBtf, STB } = await import('@klpkit/formats');
  const unknown = (what: string): Finding => ({
    id: 'types-not-compared',
    severity: 'note',
    what: `changed structures, enumerations and prototypes are not looked for: ${what}`,
    next: 'compile both sides with -g and -gz=none, or both with -gbtf',
  });
  try {
    const types = typesOfObjects(before.elf, after.elf);
    if (!types) return { found: [], unknown: [unknown('not both objects have types')] };
    const { layouts, enums } = compareTypes(types.before, types.after);
    const names = functions.flatMap(({ name, before: was, after: is }) =>
      was && is && is.binding !== STB.LOCAL ? [name] : [],
    );
    const exported = new Set([...exportsOf(before.elf), ...exportsOf(after.elf)]);
    const signatures = compareSignatures(types.before, types.after, names, exported);
    const outward = { layouts, enums, functions: signatures.flatMap(({ at }) => at?.symbol ?? []) };
    const isAny = layouts.length + enums.length + signatures.length > 0;
    const held =
      kernel && isAny
        ? await (await import('@klpkit/author')).holdAgainst(kernel, outward, signal)
        : undefined;
    const { from } = types;
    const found = [
      ...layouts.map((change) =>
        layoutFinding(change, { ...held?.layout(change, readBtf(types.before)), from }),
      ),
      ...enums.map((change) => enumFinding(change, { ...held?.enumeration(change), from })),
      ...signatures.map((finding) =>
        held ? { ...finding, why: `${finding.why}; ${held.function(finding.at?.symbol ?? '')}` } : finding,
      ),
    ];
    return { found, unknown: [] };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { found: [], unknown: [unknown(error.message)] };
  }
}

function functionFacts(change: FunctionChange): Compared['functions'][number] {
  const { name, status, before, after, difference, parent } = change;
  return {
    name,
    status: status as Exclude<typeof status, 'same'>,
    sizes: { ...(before ? { before: before.size } : {}), ...(after ? { after: after.size } : {}) },
    ...(difference ? { difference: { ...difference } } : {}),
    ...(parent ? { parent: parent.name } : {}),
  };
}

/** `klpkit compare`: the comparison alone, on any two objects. */
export const compareCommand = buildCommand<{ json: boolean; kernel?: string }, [string, string], Context>({
  docs: {
    brief: 'Compare two object files, function by function',
    fullDescription: [
      'Says which functions and data differ, how, and what of it a livepatch could not carry. Differences that mean nothing',
      '(addresses, names of the compiler, line numbers of WARN) are looked through. Ends with code 0 when there is a change',
      'that can be livepatched, 1 when something stands in the way, 4 when nothing changed. Compile both sides with',
      '-ffunction-sections -fdata-sections, and -g or -gbtf for types. Objects may be for x86-64, arm64, ppc64le or s390x; with',
      '--kernel, sizes of table entries are those of that kernel, else those that the objects show, and findings of types and',
      'prototypes tell who else in that kernel relies on them.',
      '',
      'EXAMPLE',
      '  klpkit compare before.o after.o',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlagFor('Kernel in the cache to hold sizes of table entries and changed types against'),
    },
    aliases: { k: 'kernel' },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'Object before the change', parse: String, placeholder: 'BEFORE.o' },
        { brief: 'Object after the change', parse: String, placeholder: 'AFTER.o' },
      ],
    },
  },
  func: action('compare', async (context, flags, beforePath: string, afterPath: string) => {
    const kernel = flags.kernel === undefined ? undefined : await chooseKernel(flags.kernel);
    const sizes = kernel && (await entrySizes(kernel));
    const comparison = await comparisonOf(beforePath, afterPath, sizes);
    const { obstacles } = await import('@klpkit/compare');
    const { functions, data } = comparison;
    const types = await typeFindings(comparison, kernel, context.signal);
    const differences = [...comparison.findings, ...types.found, ...obstacles(comparison)];
    const findings = [...differences, ...types.unknown];
    const touched = functions.filter(({ status }) => status !== 'same').map(functionFacts);
    const unchanged = functions.length - touched.length;
    const isSame = touched.length === 0 && data.length === 0 && differences.length === 0;
    if (context.isJson) {
      const answer: Answer<'compare'> = {
        command: 'compare',
        outcome: isSame ? 'same' : 'different',
        functions: touched,
        unchanged,
        data: data.map(({ name, status }) => ({ name, status })),
        findings,
      };
      context.answer(answer);
    }
    for (const { name, status, sizes, difference } of touched) {
      const role = status === 'changed' ? 'warning' : status === 'new' ? 'good' : 'bad';
      const size =
        sizes.before === undefined || sizes.after === undefined
          ? `${sizes.after ?? sizes.before} bytes`
          : sizes.before === sizes.after
            ? `${sizes.after} bytes`
            : `${sizes.before} to ${sizes.after} bytes`;
      context.say(`${context.paint(role, status.padEnd(8))} ${name}, ${size}`);
      if (!difference) continue;
      const { kind, offset, before: was, after: is } = difference;
      context.say(
        context.paint('dim', `         first ${kind} at 0x${offset.toString(16)}: ${was} became ${is}`),
      );
    }
    for (const { name, status } of data) context.say(`${status.padEnd(8)} ${name} (data)`);
    context.say(unchanged === 1 ? '1 function is the same' : `${unchanged} functions are the same`);
    for (const finding of findings) context.say(findingText(context, finding, context.process.stdout));
    if (findings.some(({ severity }) => severity === 'error')) return Exit.findings;
    return isSame ? Exit.nothing : Exit.done;
  }),
});
