import type { Finding } from '@klpkit/findings';
import { type Section, SHT } from '@klpkit/formats';
import type { ObjectModel, Piece } from '../model/model.ts';
import { isFreshPiece, isNumbered } from './names.ts';
import { describe, type Sides, sameContent } from './same.ts';
import type { DataChange } from './types.ts';

/** What a registration section is in the source, for findings. */
const macros: readonly (readonly [RegExp, string])[] = [
  [/^\.export_symbol$|ksymtab|kcrctab/, 'EXPORT_SYMBOL'],
  [/^\.initcall|^\.con_initcall/, 'an initcall (module_init, core_initcall …)'],
  [/^\.exitcall/, 'module_exit'],
  [/^__param$|^\.init\.setup$/, 'module_param or __setup'],
  [/^__tracepoints|^_ftrace|^__bpf_raw_tp|^\.tracepoint/, 'a trace event (TRACE_EVENT, DEFINE_TRACE)'],
  [/^__syscalls_metadata/, 'SYSCALL_DEFINE'],
  [/^\.static_call/, 'DEFINE_STATIC_CALL'],
  [/^\.modinfo/, 'MODULE_INFO, MODULE_ALIAS, MODULE_FIRMWARE …'],
  [/^\.BTF_ids/, 'BTF_ID (kfuncs, BPF helpers)'],
];

function macroOf(section: string): string {
  return macros.find(([pattern]) => pattern.test(section))?.[1] ?? 'a registration macro';
}

/** Compares variables, constants and registration sections. */
export function compareData(sides: Sides): { changes: DataChange[]; findings: Finding[] } {
  const changes: DataChange[] = [];
  const findings: Finding[] = [];
  const { before, after, correlation } = sides;
  for (const a of after.pieces) {
    if (a.kind !== 'object' || isFreshPiece(a)) continue;
    const kind = after.kindOf(a.section);
    if (kind === 'ignored' || kind === 'registration' || kind === 'table' || kind === 'objtool') continue;
    const b = correlation.beforeOf(a);
    if (!b) {
      changes.push({ name: a.name, status: 'new', after: a });
      continue;
    }
    const finding = comparePair(sides, b, a);
    if (!finding) continue;
    changes.push({ name: a.name, status: 'changed', before: b, after: a });
    findings.push(finding);
  }
  for (const b of before.pieces) {
    if (b.kind !== 'object' || isFreshPiece(b) || correlation.afterOf(b)) continue;
    const kind = before.kindOf(b.section);
    if (kind === 'data' || kind === 'bss' || kind === 'rodata')
      changes.push({ name: b.name, status: 'removed', before: b });
  }
  findings.push(...compareRegistration(sides));
  return { changes, findings };
}

function comparePair(sides: Sides, b: Piece, a: Piece): Finding | undefined {
  const was = sides.before.kindOf(b.section);
  const is = sides.after.kindOf(a.section);
  const at = { symbol: a.name, section: a.section.name };
  if (b.size !== a.size || sectionClass(b.section) !== sectionClass(a.section) || was !== is) {
    const shape = (piece: Piece) => `${piece.size} bytes in ${piece.section.name}`;
    return {
      id: 'KLP502',
      severity: 'error',
      what: `the variable ${a.name} changes its shape: ${shape(b)} before, ${shape(a)} after`,
      why: 'the running kernel has the variable in its old shape, and code that stays unpatched uses it so',
      next: 'leave the variable as it is and put the new part in a variable of its own, or in a shadow variable',
      at,
    };
  }
  if (is === 'bss' || sameContent(sides, b, a)) return undefined;
  const where = firstDataDifference(sides, b, a);
  if (is === 'init')
    return {
      id: 'KLP407',
      severity: 'error',
      what: `the initial data ${a.name} changes${where}`,
      why: 'it is used while the kernel boots or the module loads, which has happened, and its memory is freed afterwards',
      next: 'redo the effect in a pre_patch or post_patch callback, or leave this part out of the livepatch',
      at,
    };
  if (is === 'rodata')
    return {
      id: 'KLP503',
      severity: 'error',
      what: `the constant ${a.name} changes its content${where}`,
      why: 'a livepatch replaces functions; the running kernel keeps the constant that it has, and others point to it',
      next: 'patch the functions that read it (or that its pointers lead to) instead, or leave this part out of the livepatch',
      at,
    };
  return {
    id: 'KLP501',
    severity: 'error',
    what: `the variable ${a.name} changes its initial value${where}`,
    why: 'the running kernel initialised the variable long ago; a new initial value never reaches it',
    next: 'set the new value in a pre_patch or post_patch callback, or leave this part out of the livepatch',
    at,
  };
}

/** Sections that differ only in the variable's own name are one class. */
function sectionClass(section: Section): string {
  const match = /^(\.(?:data|bss|rodata)(?:\.\.[a-z0-9_.]+|\.rel(?:\.ro)?(?:\.local)?)?)/.exec(section.name);
  return match?.[1] ?? section.name;
}

function firstDataDifference(sides: Sides, b: Piece, a: Piece): string {
  const bRefs = sides.before.referencesOf(b);
  const aRefs = sides.after.referencesOf(a);
  const x = sides.before.content(b);
  const y = sides.after.content(a);
  const fieldOf = (refs: typeof bRefs, piece: Piece, offset: number) => {
    const reference = refs.find((candidate) => candidate.offset - piece.start === offset);
    return reference ? describe(reference.target) : undefined;
  };
  const offsets = new Set([...bRefs.map((r) => r.offset - b.start), ...aRefs.map((r) => r.offset - a.start)]);
  for (let offset = 0; offset < x.length; offset++) {
    if (offsets.has(offset)) {
      const was = fieldOf(bRefs, b, offset);
      const is = fieldOf(aRefs, a, offset);
      if (was !== is)
        return `: at byte ${offset} ${was ?? 'no reference'} before, ${is ?? 'no reference'} after`;
    }
    if (x[offset] !== y[offset])
      return `: at byte ${offset} 0x${x[offset].toString(16)} before, 0x${y[offset].toString(16)} after`;
  }
  return '';
}

/**
 * Registration happens at link, boot or load time, so a livepatch cannot add or take it away: whatever differs is named (KLP507).
 * Entries are compared as a multiset of what they refer to and the bytes between, since their order is the linker's.
 */
function compareRegistration(sides: Sides): Finding[] {
  const had = registrations(sides.before);
  const has = registrations(sides.after);
  const findings: Finding[] = [];
  for (const section of [...new Set([...had.keys(), ...has.keys()])].sort()) {
    const was = had.get(section) ?? new Map<string, number>();
    const is = has.get(section) ?? new Map<string, number>();
    const gained = [...is].filter(([entry, count]) => count > (was.get(entry) ?? 0)).map(([entry]) => entry);
    const lost = [...was].filter(([entry, count]) => count > (is.get(entry) ?? 0)).map(([entry]) => entry);
    if (gained.length === 0 && lost.length === 0) continue;
    const list = (entries: string[]) => entries.slice(0, 4).join(', ') + (entries.length > 4 ? ' …' : '');
    findings.push({
      id: 'KLP507',
      severity: 'error',
      what: `the fix ${gained.length ? `adds ${list(gained)}` : ''}${gained.length && lost.length ? ' and ' : ''}${lost.length ? `removes ${list(lost)}` : ''} in ${section} (${macroOf(section)})`,
      why: 'such registrations are read when the kernel is linked, booted or the module loaded; a livepatch comes later',
      next: 'do by hand in a callback what the registration would do, or leave this part out of the livepatch',
      at: { section },
    });
  }
  return findings;
}

function registrations(model: ObjectModel): Map<string, Map<string, number>> {
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
  return all;
}

function registrationEntries(model: ObjectModel, section: Section): string[] {
  const pieces = model.piecesIn(section);
  if (section.name === '.modinfo') return strings(model.bytes(section));
  if (pieces.length > 0)
    return pieces.map((piece) => (isNumbered(piece.name) ? piece.name.replace(/\d+/g, '') : piece.name));
  const references = model.references(section);
  if (references.length > 0)
    return references.map((reference) => describe(reference.target).replace(/(__UNIQUE_ID_\w*?)\d+/, '$1'));
  if (section.type === SHT.NOBITS) return [`${section.size} bytes`];
  return strings(model.bytes(section));
}

function strings(bytes: Uint8Array): string[] {
  return new TextDecoder('latin1')
    .decode(bytes)
    .split('\0')
    .filter((text) => text !== '');
}
