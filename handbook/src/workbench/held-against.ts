import {
  alignLines,
  imageText,
  listInstructions,
  listShipped,
  nextAddress,
  type ObjectModel,
  shippedImage,
  sitesOfImage,
} from '@klpkit/compare';
import { type Livepatch, plainKlpSymbols, usualLayout } from '@klpkit/livepatch';
import {
  type Judgement,
  type KernelEvidence,
  type KnownKernel,
  type LivepatchEvidence,
  objectsOf,
  pitfalls,
  placementKey,
  replacements,
} from '@klpkit/pitfalls';
import type { CodeView, UncheckedView } from '../../../packages/author/src/report/parts/index.ts';
import type { ReadKernel } from './kernel-image.ts';

/**
 * What the rules may ask of a kernel of which there is the image alone. What the image does not hold stays unanswered: its modules, what they
 * export, the configuration.
 *
 * @param onUnanswered is called for each question about a module
 */
export function evidenceOfKernel(kernel: ReadKernel, onUnanswered: () => void = () => {}): KnownKernel {
  const { symbols, exports, btf, layout, banner } = kernel;
  const view = shippedImage(kernel);
  const of = <T>(object: string, answer: () => T): T | undefined => {
    if (object === 'vmlinux') return answer();
    onUnanswered();
    return undefined;
  };
  let sites: ReturnType<typeof sitesOfImage> | undefined;
  const vermagic = imageText(kernel, 'vermagic');
  // The words in the second parentheses: `Linux version … (builder) (compiler, linker) …`.
  const compiler = /^Linux version \S+ \([^()]*\) \((.*), GNU ld /.exec(banner ?? '')?.[1];
  const evidence: KernelEvidence = {
    release: /^Linux version (\S+)/.exec(banner ?? '')?.[1] ?? kernel.name,
    ...(compiler === undefined ? {} : { compiler }),
    facts: {
      ...(vermagic === undefined ? {} : { vermagic }),
      ...(exports ? { hasVersions: [...exports.values()].some(({ crc }) => (crc ?? 0) !== 0) } : {}),
      clearsRelocations: symbols.find('clear_relocate_add').length > 0,
      hasObject: (object) => of(object, () => true),
      symbolCount: (object, name) => of(object, () => symbols.find(name).length),
      exported(name) {
        const found = exports?.get(name);
        // A module may export what the image does not.
        return (
          found && {
            owner: 'vmlinux',
            namespace: found.namespace,
            ...(found.crc === undefined ? {} : { crc: found.crc }),
          }
        );
      },
      isTraceable(object, name, sympos) {
        const index = of(object, () => symbols.find(name)[Math.max(1, sympos) - 1]);
        if (index === undefined) return undefined;
        sites ??= sitesOfImage(kernel);
        return sites(undefined, symbols.address[index], nextAddress(kernel, index));
      },
    },
    symbols: (object, name) => of(object, () => view.symbols(name)),
    relatives: (object, name) => of(object, () => view.relatives(name)) ?? [],
    namesAt: (object, name, sympos) => of(object, () => view.namesAt(name, sympos)) ?? [],
    code: (object, name, sympos) => of(object, () => view.code(name, sympos)),
    calls: (object, name, sympos) => of(object, () => view.calls(name, sympos)),
    btf: () => btf,
  };
  return { evidence, layout: layout ?? usualLayout };
}

/** What the image leaves unanswered of a livepatch, beside rules that did not run at all. */
export function unanswered(
  kernel: ReadKernel,
  evidence: LivepatchEvidence,
  { unchecked }: Judgement,
): UncheckedView[] {
  const { livepatch } = evidence;
  const modules = objectsOf(livepatch).filter((name) => name !== 'vmlinux');
  const strange = livepatch.undefinedSymbols
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('.klp.sym.') && !kernel.exports?.has(name));
  return [
    ...(modules.length > 0
      ? [
          {
            missing: `the modules of the kernel, which its image does not hold, for what these ask of ${modules.join(', ')}: klpkit check --kernel`,
            ids: [
              ...new Set([
                ...rulesOfNames,
                ...asking(kernel, evidence, new Set(unchecked.map(({ id }) => id))),
              ]),
            ].sort(),
          },
        ]
      : []),
    ...(strange.length > 0
      ? [
          {
            missing: `the exports of the kernel's modules, for ${strange.join(', ')}, which vmlinux does not export: klpkit check --kernel`,
            ids: ['KLP301', 'KLP304'],
          },
        ]
      : []),
  ];
}

/** What the livepatch room's own rules ask of objects, names and ftrace sites. */
const rulesOfNames = ['KLP203', 'KLP204', 'KLP205', 'KLP206'];

/** The pitfalls whose rules ask about a module: they are run once more, and listened to. */
function asking(kernel: ReadKernel, evidence: LivepatchEvidence, unchecked: ReadonlySet<string>): string[] {
  let isAsked = false;
  const { evidence: listening } = evidenceOfKernel(kernel, () => {
    isAsked = true;
  });
  return pitfalls.flatMap(({ id, livepatch: rule }) => {
    if (!rule || unchecked.has(id)) return [];
    isAsked = false;
    for (const _ of rule.find({ ...evidence, kernel: listening }));
    return isAsked ? [id] : [];
  });
}

/** The code of replaced functions beside that of their replacements. */
export function besideShipped(
  kernel: ReadKernel,
  livepatch: Livepatch,
  model: ObjectModel | undefined,
): {
  keyOf(object: string, name: string, sympos: number): string | undefined;
  code(key: string): CodeView | undefined;
} {
  const keyOf = (one: Parameters<typeof placementKey>[0]): string => `beside-${placementKey(one)}`;
  const found = new Map(
    replacements(livepatch).flatMap((one) => {
      const index =
        one.object === 'vmlinux' ? kernel.symbols.find(one.oldName)[Math.max(1, one.sympos) - 1] : undefined;
      const piece = one.newSymbol === undefined ? undefined : model?.named(one.newSymbol)[0];
      return index === undefined || piece?.kind !== 'function'
        ? []
        : [[keyOf(one), { index, piece }] as const];
    }),
  );
  return {
    keyOf(object, oldName, sympos) {
      const key = keyOf({ object, oldName, sympos });
      return found.has(key) ? key : undefined;
    },
    code(key) {
      const both = found.get(key);
      const shipped = both && listShipped(kernel, both.index);
      if (!both || !shipped || !model) return undefined;
      const lines = listInstructions(model, both.piece, ({ name }) => name).map(({ offset, text }) => ({
        offset,
        text: plainKlpSymbols(text),
      }));
      const name = kernel.symbols.name(both.index);
      const rows = alignLines(shipped.lines, lines).map(({ kind, before, after }) => ({
        kind,
        ...(before === undefined ? {} : { before: shipped.lines[before] }),
        ...(after === undefined ? {} : { after: lines[after] }),
      }));
      return {
        title: name,
        caption: `${name} as the kernel has it, and ${both.piece.name} of the livepatch, names in place of numbers`,
        sides: ['shipped', 'livepatch'],
        rows,
      };
    },
  };
}
