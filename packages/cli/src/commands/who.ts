import type { WhoUnit } from '@klpkit/author';
import { UsageError } from '@klpkit/findings';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlag } from '../context.ts';
import { parseCount } from '../counts.ts';
import { Exit } from '../exit.ts';
import { chooseKernel } from '../input.ts';
import type { Answer } from '../schemas.ts';

interface Flags {
  readonly json: boolean;
  readonly kernel?: string;
  readonly unit?: string;
  readonly allUnits: boolean;
  readonly maxUnits?: number;
  readonly jobs?: number;
}

type Witness = WhoUnit['witnesses'][number];

const names: Readonly<Record<Witness, string>> = {
  elf: 'ELF',
  dwarf: 'DWARF',
  'ipa-clones': 'ipa-clones',
  'clang-remarks': 'remarks',
};

const order: readonly Witness[] = ['elf', 'dwarf', 'ipa-clones', 'clang-remarks'];

/** One thing that is known of a function, with who knows it. */
interface Statement {
  readonly kind: Extract<
    Answer<'who-inlines'>,
    { outcome: 'found' }
  >['units'][number]['statements'][number]['kind'];
  readonly text: string;
  readonly by: readonly Witness[];
  readonly into?: string;
  readonly chain?: readonly string[];
  readonly symbol?: string;
}

function statementsOf(name: string, { symbols, placement }: WhoUnit): Statement[] {
  const { inlined, clones, folded, callers } = placement;
  const kinds = new Map(clones.map((clone) => [clone.symbol, clone]));
  const own = symbols.map((symbol): Statement => {
    const clone = kinds.get(symbol.name);
    const what = clone ? cloneWords(clone.kind) : 'its code';
    const entry = symbol.isTraceable ? 'ftrace entry' : 'no ftrace entry: it cannot be replaced by itself';
    const by = clone?.by ?? placement.by.filter((witness) => witness === 'elf' || witness === 'dwarf');
    return {
      kind: clone ? 'clone' : 'code',
      text: `${symbol.name}: ${what}, ${symbol.size} bytes, ${entry}`,
      symbol: symbol.name,
      by,
    };
  });
  const gone = clones
    .filter((clone) => !clone.hasCode)
    .map(
      ({ symbol, kind, by }): Statement => ({
        kind: 'clone',
        text: `${symbol}: ${cloneWords(kind)}, of which no code of its own is left`,
        symbol,
        by,
      }),
    );
  return [
    ...own,
    ...gone,
    ...inlined.map(
      ({ into, chain, by }): Statement => ({
        kind: 'inlined',
        text: chain.length > 0 ? `${into}, by way of ${chain.join(' → ')}` : into,
        into,
        chain,
        by,
      }),
    ),
    ...folded.map(
      (twin): Statement => ({
        kind: 'folded',
        text: `one body with ${twin.name}`,
        into: twin.name,
        by: twin.by,
      }),
    ),
    ...callers.map(
      (caller): Statement => ({
        kind: 'caller',
        text: caller.symbol === name ? caller.name : `${caller.name}, as ${caller.symbol}`,
        into: caller.name,
        symbol: caller.symbol,
        by: ['elf'],
      }),
    ),
  ];
}

function cloneWords(kind: string): string {
  if (kind === 'part') return 'a part that was split off';
  if (kind === 'cold') return 'its unlikely part';
  if (kind === 'isra') return 'its code with other parameters than in the source';
  if (kind === 'constprop') return 'its code for constant arguments';
  return `its code, specialised (${kind})`;
}

const headings: readonly (readonly [Statement['kind'], string])[] = [
  ['code', 'code'],
  ['clone', 'cloned or split'],
  ['inlined', 'inlined into'],
  ['folded', 'folded'],
  ['caller', 'called by'],
];

function say(context: Context, name: string, unit: WhoUnit): void {
  const { source, object, owner, witnesses, holders } = unit;
  context.say(`\n${context.paint('heading', source)} (${object} of ${owner})`);
  const statements = statementsOf(name, unit);
  const width = Math.min(76, Math.max(20, ...statements.map(({ text }) => text.length)));
  const heard = order.filter((witness) => witnesses.includes(witness));
  for (const [kind, heading] of headings) {
    const of = statements.filter((statement) => statement.kind === kind);
    if (of.length === 0) continue;
    context.say(`  ${heading}`);
    for (const { text, by } of of) {
      const yes = heard.filter((witness) => by.includes(witness)).map((witness) => names[witness]);
      const no = heard.filter((witness) => !by.includes(witness)).map((witness) => names[witness]);
      const known = `${yes.join(', ')}${no.length > 0 ? `; not ${no.join(', ')}` : ''}`;
      context.say(`    ${text.padEnd(width)}  ${context.paint('dim', known)}`);
    }
  }
  if (unit.symbols.some(({ isGlobal }) => isGlobal))
    context.say('  it is global: other units may call it by its symbol');
  if (holders.length === 0)
    context.say('  no function holds code of it: whatever it does was folded away, or nothing calls it');
  else
    context.say(
      `  ${holders.length === 1 ? 'one function holds' : `${holders.length} functions hold`} its code: ${holders.join(', ')}`,
    );
}

/** `klpkit who inlines`: where the compiler put a function. */
export const whoInlinesCommand = buildCommand<Flags, [string], Context>({
  docs: {
    brief: 'Where the compiler put a function: inlined, cloned, split, folded',
    fullDescription: [
      'Compiles the unit that defines the function, as the kernel was compiled, and asks three witnesses: the symbols and',
      'relocations of the object (ELF), its debug information (DWARF), and what gcc says that it did (ipa-clones). Each',
      'statement says who knows it. ELF sees code that stands alone and calls; DWARF sees inlined copies, but none that was',
      'folded to a constant; ipa-clones sees these too, but no unlikely parts. A function of a header has copies in every',
      'unit that includes it: name one, or ask for all.',
      '',
      'EXAMPLE',
      '  klpkit who inlines may_lookup --kernel debian:6.12',
      '  klpkit who inlines dget --unit fs/namei.c',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlag,
      unit: {
        kind: 'parsed',
        parse: String,
        brief: 'Look into this source alone',
        placeholder: 'FILE.c',
        optional: true,
      },
      allUnits: {
        kind: 'boolean',
        brief: 'For a function of a header: look into every unit that includes it',
        default: false,
        withNegated: false,
      },
      maxUnits: {
        kind: 'parsed',
        parse: parseCount,
        brief: 'Most units that --all-units compiles; 50 unless told otherwise',
        placeholder: 'N',
        optional: true,
      },
      jobs: {
        kind: 'parsed',
        parse: parseCount,
        brief: 'Compilers at once',
        placeholder: 'N',
        optional: true,
      },
    },
    aliases: { k: 'kernel', j: 'jobs' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Function of the source', parse: String, placeholder: 'NAME' }],
    },
  },
  func: action('who inlines', async (context, flags: Flags, name: string) => {
    if (flags.unit !== undefined && flags.allUnits)
      throw new UsageError('--unit and --all-units exclude each other', 'leave one of them out');
    const kernel = await chooseKernel(flags.kernel);
    const { whoInlines } = await import('@klpkit/author');
    const found = await whoInlines(kernel, name, {
      unit: flags.unit?.replace(/^\.\//, ''),
      allUnits: flags.allUnits,
      maxUnits: flags.maxUnits,
      jobs: flags.jobs,
      onProgress: context.progress.report,
      signal: context.signal,
    });
    context.progress.end();
    if (context.isJson) {
      const answer: Answer<'who-inlines'> = {
        command: 'who inlines',
        outcome: 'found',
        name: found.name,
        kernel: found.kernel,
        ...(found.defined ? { defined: { ...found.defined } } : {}),
        isInline: found.isInline,
        compiled: found.compiled,
        failed: [...found.failed],
        units: found.units.map((unit) => ({
          source: unit.source,
          object: unit.object,
          owner: unit.owner,
          witnesses: [...unit.witnesses],
          holders: [...unit.holders],
          symbols: unit.symbols.map((symbol) => ({ ...symbol })),
          statements: statementsOf(found.name, unit).map(({ text, by, ...rest }) => ({
            ...rest,
            text,
            by: [...by],
            silent: unit.witnesses.filter((witness) => !by.includes(witness)),
          })),
        })),
      };
      context.answer(answer);
    }
    const { defined } = found;
    const where = defined ? `, ${defined.file}:${defined.line}` : '';
    context.say(
      `${context.paint('name', found.name)}${where}${found.isInline ? ', declared inline' : ''}, in ${found.kernel}`,
    );
    for (const unit of found.units) say(context, found.name, unit);
    if (found.compiled !== found.units.length || found.failed.length > 0)
      context.say(
        `\n${found.units.length} of ${found.compiled} units know it${found.failed.length > 0 ? `; not compiled: ${found.failed.join(', ')}` : ''}`,
      );
    return found.units.length > 0 ? Exit.done : Exit.nothing;
  }),
});
