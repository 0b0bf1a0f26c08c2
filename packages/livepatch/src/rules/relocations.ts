import type { Finding, Place } from '@klpkit/findings';
import { SHF, SHT } from '@klpkit/formats';
import { earlyUse } from '../early-sections.ts';
import type { KlpRelocation, KlpSection, Livepatch } from '../read-types.ts';
import type { KernelFacts } from './facts.ts';
import { positionFinding } from './position.ts';

/** Rules about KLP relocations. */
export function relocationRules(livepatch: Livepatch, kernel: KernelFacts): Finding[] {
  const findings: Finding[] = [];
  for (const section of livepatch.klpSections) findings.push(...sectionRules(section, livepatch));
  const asked = new Set<string>();
  for (const one of livepatch.klpRelocations) {
    findings.push(...oneRelocation(one));
    const { symbolObject, name, sympos } = one;
    if (symbolObject === undefined || name === undefined || sympos === undefined || asked.has(one.symbol))
      continue;
    asked.add(one.symbol);
    const finding = positionFinding(kernel, symbolObject, name, sympos, placeOf(one));
    if (finding) findings.push(finding);
  }
  if (kernel.clearsRelocations === false) findings.push(...reloadRules(livepatch));
  return findings;
}

function reloadRules({ klpRelocations }: Livepatch): Finding[] {
  const objects = new Set<string>();
  for (const { patchedObject } of klpRelocations)
    if (patchedObject !== undefined && patchedObject !== 'vmlinux') objects.add(patchedObject);
  return [...objects].map((object) => ({
    id: 'klp-target-reload',
    severity: 'warning',
    what: `once ${object} has been unloaded under this livepatch, it cannot be loaded again`,
    why: 'this kernel does not clear the references to it, and refuses to write them a second time: the module gets ENOEXEC',
    next: `revert the livepatch before unloading ${object}`,
  }));
}

const placeOf = (one: KlpRelocation): Place => ({
  section: one.target || one.section,
  offset: one.offset,
  symbol: one.symbol,
});

function sectionRules(section: KlpSection, { patch }: Livepatch): Finding[] {
  const findings: Finding[] = [];
  const at = { section: section.name };
  const error = (id: string, what: string, why: string, next?: string) =>
    findings.push({ id, severity: 'error', what, why, ...(next ? { next } : {}), at });
  if (section.object === undefined)
    error(
      'KLP302',
      `${section.name} is no name of a KLP section`,
      'the kernel refuses the livepatch: it reads .klp.rela. and an object of 1 to 55 characters without a dot',
    );
  if (section.type !== SHT.RELA)
    error('KLP302', `${section.name} has type ${section.type}`, 'the kernel reads it as SHT_RELA');
  if ((section.flags & SHF.RELA_LIVEPATCH) === 0)
    error(
      'KLP302',
      `${section.name} lacks the flag SHF_RELA_LIVEPATCH`,
      'its relocations are never resolved: the first use of a symbol kills the kernel',
    );
  if ((section.flags & SHF.ALLOC) === 0)
    error(
      'KLP302',
      `${section.name} lacks the flag SHF_ALLOC`,
      'its memory is given back before it is read: the kernel dies while the livepatch or its target loads',
    );
  if (!section.linksToSymbols)
    error('KLP302', `sh_link of ${section.name} is not the symbol table`, 'other symbols would be resolved');
  if (section.target === undefined || !section.targetIsLoaded)
    error(
      'KLP302',
      `${section.name} relocates ${section.target === undefined ? 'no section' : `${section.target}, which is not loaded`}`,
      'the kernel passes over it without a word, or writes to memory that is not there',
    );
  // Sections for vmlinux are applied with the module's own relocations, whatever it patches.
  const isPatched = (object: string) =>
    object === 'vmlinux' || patch?.objects.some(({ name }) => name === object) === true;
  if (patch && section.object !== undefined && !isPatched(section.object))
    error(
      'klp-orphan',
      `${section.name} is for ${section.object}, which the livepatch does not patch`,
      'it is never applied: its symbols stay 0 and their first use kills the kernel',
      'name the section after the patched object, not after the owner of the symbol',
    );
  return findings;
}

function oneRelocation(one: KlpRelocation): Finding[] {
  const findings: Finding[] = [];
  const at = placeOf(one);
  const error = (id: string, what: string, why: string, next?: string) =>
    findings.push({ id, severity: 'error', what, why, ...(next ? { next } : {}), at });
  if (!one.isMarked)
    error(
      'KLP302',
      `${one.symbol || 'a symbol without name'} is used by a KLP relocation and is not marked SHN_LIVEPATCH`,
      'the kernel refuses the livepatch',
    );
  if (one.name === undefined)
    error(
      'KLP302',
      `${one.symbol || 'a symbol without name'} is no name of a KLP symbol`,
      'the kernel reads .klp.sym.OBJECT.NAME,POSITION',
    );
  const { patchedObject, symbolObject } = one;
  if (patchedObject !== undefined && symbolObject === 'vmlinux' && patchedObject !== 'vmlinux')
    error(
      'KLP303',
      `the section for ${patchedObject} uses ${one.name} of vmlinux`,
      'the kernel refuses it: invalid access to vmlinux symbol from module-specific livepatch relocation section',
      'put the relocation into .klp.rela.vmlinux, or refer to an export in the ordinary way',
    );
  if (patchedObject === 'vmlinux' && symbolObject !== undefined && symbolObject !== 'vmlinux')
    findings.push({
      id: 'klp-module-from-vmlinux',
      severity: 'warning',
      what: `code for vmlinux uses ${one.name} of the module ${symbolObject}`,
      why: 'it is resolved while the livepatch loads, and the livepatch is refused when the module is not there',
      at,
    });
  if (one.size === undefined)
    error(
      'klp-relocation-type',
      `a KLP relocation has the type ${one.typeName}`,
      'the module loader refuses it with ENOEXEC',
    );
  if (!one.isZero)
    error(
      'klp-target-not-zero',
      `the bytes that ${one.symbol} is written to are not zero`,
      'the kernel refuses the relocation: existing value is nonzero',
    );
  const use = patchedObject === undefined || patchedObject === 'vmlinux' ? undefined : earlyUse(one.target);
  if (use) {
    const jump = one.target === '__jump_table';
    error(
      jump ? 'KLP310' : one.target === '.static_call_sites' ? 'KLP311' : 'KLP312',
      `${use} for ${patchedObject} needs ${one.name ?? one.symbol}`,
      'the kernel reads it while the livepatch loads, before references to a module are resolved',
      jump ? 'ask static_key_enabled() instead of branching on the key' : undefined,
    );
  }
  return findings;
}
