import { basename } from 'node:path';
import type { Disassembly, Shown, ShownKernel, ShownLivepatch } from '@klpkit/author';
import { UsageError } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import { buildCommand } from '@stricli/core';
import { action, type Context, jsonFlag, kernelFlagFor } from '../context.ts';
import { Exit } from '../exit.ts';
import { readUserFile } from '../input.ts';
import { number, plural } from '../words.ts';

interface Flags {
  readonly json: boolean;
  readonly kernel?: string;
  readonly all: boolean;
  readonly disassemble?: string;
}

/** Most lines of a list without --all. */
const mostListed = 12;

/** `klpkit show`: what a file is and what it holds. */
export const showCommand = buildCommand<Flags, [string], Context>({
  docs: {
    brief: 'Explain a livepatch, a module, an object or a kernel image',
    fullDescription: [
      'Of a livepatch: what it patches, its callbacks, states and shadow variables, and every KLP relocation in words. Of',
      'other modules and objects: functions, sections, what they want and give. Of a kernel image: release, symbols, types.',
      'With --disassemble the code of one function, beside the shipped function that it replaces when --kernel is given.',
      '',
      'EXAMPLES',
      '  klpkit show livepatch-fix.ko',
      '  klpkit show livepatch-fix.ko --disassemble cmdline_proc_show --kernel debian:6.12',
    ].join('\n'),
  },
  parameters: {
    flags: {
      json: jsonFlag,
      kernel: kernelFlagFor('Kernel in the cache that the livepatch is for'),
      all: { kind: 'boolean', brief: 'Whole lists', default: false, withNegated: false },
      disassemble: {
        kind: 'parsed',
        parse: String,
        brief: 'Show the code of this function, by its name in the file or that of what it replaces',
        placeholder: 'FUNCTION',
        optional: true,
      },
    },
    aliases: { k: 'kernel', a: 'all', d: 'disassemble' },
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'Any .ko, .o, vmlinuz or vmlinux', parse: String, placeholder: 'FILE' }],
    },
  },
  func: action('show', async (context, flags: Flags, path: string) => {
    const bytes = await readUserFile(path);
    const { disassemble, showFile } = await import('@klpkit/author');
    const file = basename(path);
    let kernel: Kernel | undefined;
    if (flags.kernel !== undefined) kernel = await (await import('@klpkit/kernel')).openKernel(flags.kernel);
    const shown = await showFile(file, bytes, kernel);
    if (shown.kind === 'kernel' && flags.disassemble !== undefined)
      throw new UsageError(`${file} is a kernel image`, 'give a module or an object with --disassemble');
    const code =
      flags.disassemble === undefined ? undefined : await disassemble(file, bytes, flags.disassemble, kernel);
    if (context.isJson) {
      const { livepatch: _, ...fields } = shown as Shown & { livepatch?: unknown };
      const disassembly = shown.kind === 'kernel' ? {} : { ...(code ? { disassembly: code } : {}) };
      context.answer({ command: 'show', outcome: 'shown', ...fields, ...disassembly });
    }
    const view = new View(context, flags.all);
    if (code) view.code(code);
    else if (shown.kind === 'kernel') view.kernel(shown);
    else {
      view.head(shown);
      if (shown.kind === 'livepatch') view.livepatch(shown);
      view.rest(shown);
    }
    return Exit.done;
  }),
});

class View {
  readonly #context: Context;
  readonly #all: boolean;

  constructor(context: Context, all: boolean) {
    this.#context = context;
    this.#all = all;
  }

  #heading(text: string): void {
    this.#context.say(`\n${this.#context.paint('heading', text)}`);
  }

  #list(lines: readonly string[], indent = '  '): void {
    const shown = this.#all ? lines : lines.slice(0, mostListed);
    for (const line of shown) this.#context.say(`${indent}${line}`);
    if (shown.length < lines.length)
      this.#context.say(
        this.#context.paint('dim', `${indent}and ${number(lines.length - shown.length)} more (--all)`),
      );
  }

  /** Names in lines as wide as the terminal. */
  #names(names: readonly string[]): void {
    const lines: string[] = [];
    for (const name of names) {
      const last = lines.at(-1);
      if (last !== undefined && last.length + name.length + 4 <= this.#context.width)
        lines[lines.length - 1] = `${last}, ${name}`;
      else lines.push(name);
    }
    this.#list(lines.map((line, index) => (index < lines.length - 1 ? `${line},` : line)));
  }

  head(shown: Exclude<Shown, ShownKernel>): void {
    const { context, what } = {
      context: this.#context,
      what: { object: 'an object', module: 'a module', livepatch: 'a livepatch' },
    };
    const named = shown.kind === 'object' ? '' : ` ${shown.name}`;
    context.say(
      `${context.paint('heading', shown.file)}: ${what[shown.kind]}${named} for ${shown.machine}, ${plural(shown.bytes, 'byte')}`,
    );
    if (shown.kind === 'object') return;
    const info = shown.info.filter(
      ({ key }) => this.#all || !['name', 'alias', 'parm', 'parmtype'].includes(key),
    );
    for (const { key, value } of info) if (value !== '') context.say(`  ${key.padEnd(12)} ${value}`);
    context.say(`  ${'signature'.padEnd(12)} ${shown.isSigned ? 'signed' : 'none'}`);
    const aliases = shown.info.filter(({ key }) => key === 'alias').length;
    if (aliases > 0 && !this.#all) context.say(`  ${'aliases'.padEnd(12)} ${aliases}`);
  }

  livepatch(shown: ShownLivepatch): void {
    const { objects, states, shadows, relocations, replace } = shown;
    const functions = objects.reduce((sum, object) => sum + object.functions.length, 0);
    this.#heading(
      `Patches ${plural(functions, 'function')}${replace === undefined ? '' : replace ? ', replaces other livepatches' : ', stacks on other livepatches'}`,
    );
    if (replace === undefined)
      this.#context.say('  its tables are made at run time, or laid out for another kernel');
    for (const object of objects) {
      this.#context.say(`  ${this.#context.paint('name', object.name)}`);
      this.#list(
        object.functions.map((one) => {
          const size = one.size === undefined ? '' : `, ${plural(one.size, 'byte')}`;
          const position = one.sympos > 0 ? `, number ${one.sympos} of that name` : '';
          return `${one.name}${position} by ${one.new ?? 'nothing'}${size}`;
        }),
        '    ',
      );
      for (const { kind, symbol } of object.callbacks) this.#context.say(`    ${kind}: ${symbol}`);
    }
    if (states.length > 0) {
      this.#heading('States');
      this.#list(states.map(({ id, version }) => `id ${id}, version ${version}`));
    }
    if (shadows.length > 0) {
      this.#heading('Shadow variables');
      this.#list(
        shadows.map(({ id, sizes, allocates, reads, frees }) => {
          const does = [allocates && 'allocated', reads && 'read', frees && 'freed']
            .filter(Boolean)
            .join(', ');
          return `id ${id}: ${does}${sizes.length > 0 ? `, ${sizes.join(' and ')} bytes` : ''}`;
        }),
      );
    }
    const symbols = new Set(relocations.map(({ object, name, sympos }) => `${object} ${name} ${sympos}`));
    this.#heading(
      relocations.length === 0
        ? 'No KLP relocations'
        : `KLP relocations (${number(relocations.length)} of ${plural(symbols.size, 'symbol')})`,
    );
    this.#list(relocations.map(({ words }) => words));
  }

  rest(shown: Exclude<Shown, ShownKernel>): void {
    const { functions, sections, tables, imports, exports } = shown;
    if (shown.kind !== 'livepatch' || this.#all) {
      const bytes = functions.reduce((sum, { size }) => sum + size, 0);
      this.#heading(`Functions (${number(functions.length)}, ${plural(bytes, 'byte')})`);
      this.#list(
        functions.map(
          ({ name, size, isGlobal }) => `${name}: ${plural(size, 'byte')}${isGlobal ? '' : ', static'}`,
        ),
      );
    }
    if (tables.length > 0) this.#heading('Tables beside the code');
    this.#list(tables.map(({ section, what, entries }) => `${section}: ${number(entries)} ${what}`));
    const kinds = Map.groupBy(sections, ({ kind }) => kind);
    this.#heading(`Sections that are loaded (${sections.length})`);
    if (this.#all)
      this.#list(sections.map(({ name, kind, size }) => `${name}: ${kind}, ${plural(size, 'byte')}`));
    else
      this.#list(
        [...kinds].map(
          ([kind, list]) =>
            `${kind}: ${plural(list.length, 'section')}, ${plural(
              list.reduce((sum, { size }) => sum + size, 0),
              'byte',
            )}`,
        ),
      );
    if (imports.length > 0) {
      this.#heading(`Wants ${plural(imports.length, 'symbol')} from elsewhere`);
      this.#names(imports);
    }
    if (exports.length > 0) {
      this.#heading(`Exports ${plural(exports.length, 'symbol')}`);
      this.#names(exports);
    }
  }

  kernel(shown: ShownKernel): void {
    const { symbols, types, facts } = shown;
    const context = this.#context;
    context.say(
      `${context.paint('heading', shown.file)}: a kernel image${shown.packing === 'vmlinux' ? '' : `, packed with ${shown.packing}`}, ${plural(shown.bytes, 'byte')}`,
    );
    const entry = (label: string, text: string) => context.say(`  ${label.padEnd(10)} ${text}`);
    entry('release', shown.release);
    entry('banner', shown.banner);
    entry(
      'symbols',
      `${number(symbols.count)}: ${number(symbols.functions)} functions, ${number(symbols.variables)} variables and others; ${number(symbols.sharedNames)} names stand for several functions`,
    );
    entry('exports', number(symbols.exports));
    entry(
      'types',
      types
        ? `${number(types.count)}: ${number(types.structures)} structures and unions, ${number(types.functions)} functions`
        : 'none',
    );
    this.#heading('What livepatches need');
    for (const { what, value, isGood } of facts)
      context.say(`  ${what.padEnd(20)} ${context.paint(isGood ? 'good' : 'bad', value)}`);
    if (!shown.config) return;
    this.#heading('Configuration, of the kernel in the cache');
    const width = Math.max(...shown.config.map(({ option }) => option.length));
    for (const { option, value, meaning, isGood } of shown.config)
      context.say(
        `  ${option.padEnd(width)}  ${context.paint(isGood ? 'good' : 'bad', value.padEnd(2))} ${meaning}`,
      );
  }

  code({ name, size, lines, shipped }: Disassembly): void {
    const context = this.#context;
    if (!shipped) {
      context.say(`${context.paint('heading', name)}: ${plural(size, 'byte')}`);
      for (const { offset, text } of lines) context.say(`  ${`+0x${offset.toString(16)}`.padEnd(8)} ${text}`);
      return;
    }
    const half = Math.floor((context.width - 3) / 2);
    const cell = (line: { offset: number; text: string } | undefined) => {
      const text = line ? `${`+0x${line.offset.toString(16)}`.padEnd(7)} ${line.text}` : '';
      return (text.length > half ? `${text.slice(0, half - 1)}…` : text).padEnd(half);
    };
    const signs = { same: ' ', changed: '|', removed: '<', added: '>' } as const;
    const roles = { same: 'dim', changed: 'warning', removed: 'bad', added: 'good' } as const;
    const left = `${shipped.name} of ${shipped.object}, ${plural(shipped.size, 'byte')}`;
    context.say(
      `${context.paint('heading', left.padEnd(half))}   ${context.paint('heading', `${name}, ${plural(size, 'byte')}`)}`,
    );
    for (const { kind, before, after } of shipped.rows)
      context.say(context.paint(roles[kind], `${cell(before)} ${signs[kind]} ${cell(after)}`.trimEnd()));
  }
}
