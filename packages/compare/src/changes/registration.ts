import type { Finding } from '@klpkit/findings';
import { type Section, SHT } from '@klpkit/formats';
import type { ObjectModel, Piece, Target } from '../model/model.ts';
import { stemOf } from './names.ts';
import { type EntryVerb, registryOf } from './registries.ts';
import { describe, type Sides, sameContent } from './same.ts';

/**
 * Registration happens at link, boot or load time, so a livepatch cannot add or take it away: whatever differs is named (KLP507).
 * Entries are compared as a set, since their order is the linker's; by name and content where they have names.
 */
export function compareRegistration(sides: Sides): Finding[] {
  const had = registrations(sides, 'before');
  const has = registrations(sides, 'after');
  const altered = alteredEntries(sides);
  const findings: Finding[] = [];
  for (const section of [...new Set([...had.keys(), ...has.keys(), ...altered.keys()])].sort()) {
    const was = had.get(section) ?? new Map<string, number>();
    const is = has.get(section) ?? new Map<string, number>();
    const parts: [EntryVerb, string[]][] = [
      ['adds', [...is].filter(([entry, count]) => count > (was.get(entry) ?? 0)).map(([entry]) => entry)],
      ['removes', [...was].filter(([entry, count]) => count > (is.get(entry) ?? 0)).map(([entry]) => entry)],
      ['changes', altered.get(section) ?? []],
    ];
    const told = parts.filter(([, entries]) => entries.length > 0);
    if (told.length === 0) continue;
    const registry = registryOf(section);
    for (const severity of ['error', 'warning', 'note'] as const) {
      const grave = told.flatMap(([verb, entries]) => {
        const own = entries.filter((entry) => (registry.gravity?.(verb, entry) ?? 'error') === severity);
        return own.length > 0 ? [`${verb} ${list(own)}`] : [];
      });
      if (grave.length === 0) continue;
      const removesOnly = grave.every((text) => text.startsWith('removes'));
      findings.push({
        id: 'KLP507',
        severity,
        what: `the fix ${grave.join(' and ')} in ${section} (${registry.macro})`,
        why: removesOnly ? 'the running kernel has registered it, and keeps it' : registry.lost,
        next:
          severity === 'note'
            ? 'nothing: what the fix does to the running kernel does not depend on it'
            : (registry.next ??
              'do by hand in a callback what the registration would do, or leave this part out of the livepatch'),
        at: { section },
      });
    }
  }
  return findings;
}

function list(entries: readonly string[]): string {
  return entries.slice(0, 4).join(', ') + (entries.length > 4 ? ` and ${entries.length - 4} more` : '');
}

/** Named entries that both sides have, with other content, by section. */
function alteredEntries(sides: Sides): Map<string, string[]> {
  const altered = new Map<string, string[]>();
  for (const a of sides.after.pieces) {
    if (a.kind !== 'object' || sides.after.kindOf(a.section) !== 'registration') continue;
    const b = sides.correlation.beforeOf(a);
    if (!b || sameContent(sides, b, a)) continue;
    const known = altered.get(a.section.name);
    if (known) known.push(a.name);
    else altered.set(a.section.name, [a.name]);
  }
  return altered;
}

/** How often each entry occurs, by section. */
function registrations(sides: Sides, side: 'before' | 'after'): Map<string, Map<string, number>> {
  const model = sides[side];
  const all = new Map<string, Map<string, number>>();
  for (const section of model.elf.sections) {
    if (model.kindOf(section) !== 'registration' || section.size === 0) continue;
    let entries = all.get(section.name);
    if (!entries) {
      entries = new Map();
      all.set(section.name, entries);
    }
    for (const entry of registrationEntries(model, section))
      entries.set(entry, (entries.get(entry) ?? 0) + 1);
  }
  const tables = deviceTables(model);
  if (tables.size > 0) all.set('device table', tables);
  return all;
}

/**
 * MODULE_DEVICE_TABLE gives a table of devices a second name, which modpost makes aliases of (include/linux/module.h; the name has
 * been turned round in 6.14).
 */
function deviceTables({ symbols }: ObjectModel): Map<string, number> {
  const tables = new Map<string, number>();
  for (let index = 1; index < symbols.count; index++) {
    const name = symbols.name(index);
    const match =
      /^__mod_(\w+?)__(\w+)_device_table$/.exec(name) ?? /^__mod_device_table__(\w+?)__(\w+)$/.exec(name);
    if (match) tables.set(`${match[2]} (${match[1]})`, 1);
  }
  return tables;
}

function registrationEntries(model: ObjectModel, section: Section): string[] {
  const pieces = model.piecesIn(section);
  if (section.name === '.modinfo') return strings(model.bytes(section));
  if (pieces.length > 0) return pieces.map((piece) => nameOf(model, piece));
  if (section.type === SHT.NOBITS) return [`${section.size} bytes`];
  const bytes = model.bytes(section);
  const entries: string[] = [];
  let start = 0;
  // An unnamed entry is what it refers to and what stands before that: licence and namespace of an export.
  for (const { offset, type, target } of model.references(section)) {
    entries.push([...strings(bytes.subarray(start, offset)), targetText(target)].join(' '));
    start = offset + (model.arch.fieldWidth(type) ?? 0);
  }
  return [...entries, ...strings(bytes.subarray(start))];
}

/** A name without counters; one that has none is an entry of its own, so its content tells it from others. */
function nameOf(model: ObjectModel, piece: Piece): string {
  if (piece.section.name === '.BTF_ids') return piece.name.replace(/(?:__|\.)\d+$/, '');
  const stem = stemOf(piece.name);
  if (stem === piece.name || piece.section.type === SHT.NOBITS) return stem;
  const targets = model.referencesOf(piece).map(({ target }) => targetText(target));
  return [stem, ...targets].join(' ');
}

function targetText(target: Target): string {
  return target.kind === 'piece' && target.offset === 0 ? stemOf(target.piece.name) : describe(target);
}

/** Text between zeroes; what is no text comes as hexadecimal digits. */
function strings(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  let start = 0;
  for (let at = 0; at <= bytes.length; at++) {
    if (at < bytes.length && bytes[at] !== 0) continue;
    if (at > start) texts.push(textOf(bytes.subarray(start, at)));
    start = at + 1;
  }
  return texts;
}

function textOf(bytes: Uint8Array): string {
  const isText = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 9 || byte === 10);
  return isText
    ? new TextDecoder().decode(bytes)
    : `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
