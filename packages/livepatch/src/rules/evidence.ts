import type { Finding } from '@klpkit/findings';

/** Which part of a livepatch a group of rules reads. */
export type Part = 'module' | 'structures' | 'relocations';

const structures = 'klp structures of the module';
const relocations = 'KLP relocations of the module';
const symbols = 'symbol table of the module';

/** What the rules about the module itself read, by the id of what they find. */
const readOfModule: Readonly<Record<string, readonly string[]>> = {
  KLP209: [symbols],
  KLP301: [symbols, 'exports of the kernel'],
  KLP302: [symbols],
  KLP304: [symbols, 'exports of the kernel'],
  'module-common-symbol': [symbols],
  'module-machine': ['ELF header of the module', 'image of the kernel'],
};

/** What the rules hold the klp structures and KLP relocations against, by the id of what they find. */
const heldAgainst: Readonly<Record<string, string>> = {
  KLP203: 'symbols of the kernel',
  KLP204: 'symbols of the kernel',
  KLP205: 'ftrace sites of the kernel',
  KLP209: symbols,
  'klp-orphan': structures,
  'klp-target-reload': 'release of the kernel',
};

/** The finding with what it rests on. */
export function withEvidence(part: Part, finding: Finding): Finding {
  return { ...finding, evidence: evidenceOf(part, finding) };
}

function evidenceOf(part: Part, { id, at, severity }: Finding): readonly string[] {
  if (part === 'module') {
    if (id === 'KLP224')
      return at?.section === '__versions'
        ? ['symbol versions of the module', 'exports of the kernel']
        : ['.modinfo of the module', 'version magic of the kernel'];
    return readOfModule[id] ?? ['.modinfo of the module'];
  }
  const base = part === 'structures' ? structures : relocations;
  // An error of this id is about the name alone.
  const other = id === 'KLP206' && severity === 'warning' ? 'modules of the kernel' : heldAgainst[id];
  return other === undefined ? [base] : [base, other];
}
