import type { Finding } from '@klpkit/findings';
import { FormatError, type Section, SHT } from '@klpkit/formats';
import type { ObjectModel } from '../model/model.ts';
import { type Sides, sameSection } from './same.ts';

/**
 * COMDAT groups: the linker keeps one of several equal ones, so which object's copy the kernel runs cannot be told.
 * Groups with equal content are harmless; a changed or new one is refused, a removed one is not missed.
 */
export function compareGroups(sides: Sides): Finding[] {
  const had = groupsOf(sides.before);
  const has = groupsOf(sides.after);
  const findings: Finding[] = [];
  for (const [signature, is] of has) {
    const was = had.get(signature);
    if (was && sameMembers(sides, was, is)) continue;
    findings.push({
      id: 'comdat-group',
      severity: 'error',
      what: `the COMDAT group ${signature} (${is.map((section) => section.name).join(', ')}) is ${was ? 'changed' : 'new'}`,
      why: 'the linker keeps one of all groups of that name in the kernel, and which object it came from cannot be told',
      next: 'leave this part out of the fix, or report the object: kernel C is not known to make such groups',
      at: { symbol: signature },
    });
  }
  return findings;
}

function sameMembers(sides: Sides, was: readonly Section[], is: readonly Section[]): boolean {
  return (
    was.length === is.length &&
    was.every((section, index) => section.name === is[index].name && sameSection(sides, section, is[index]))
  );
}

/**
 * The allocated sections of each group by its signature.
 *
 * @throws {FormatError} for a group that names a section that does not exist, or one of another group
 * @see ELF gABI, "Section Groups"
 */
function groupsOf(model: ObjectModel): Map<string, Section[]> {
  const { elf, symbols } = model;
  const groups = new Map<string, Section[]>();
  const taken = new Set<number>();
  for (const group of elf.sections) {
    if (group.type !== SHT.GROUP) continue;
    const at = `section ${group.index} (${group.name})`;
    if (group.size < 4 || group.size % 4 !== 0)
      throw new FormatError(`elf: ${at} has ${group.size} bytes, a group is a multiple of 4`);
    if (group.info >= symbols.count)
      throw new FormatError(`elf: ${at} is named by symbol ${group.info}, there are ${symbols.count}`);
    const bytes = model.bytes(group);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const members: Section[] = [];
    for (let offset = 4; offset < bytes.length; offset += 4) {
      const index = view.getUint32(offset, elf.littleEndian);
      const member = elf.sections[index];
      if (!member || taken.has(index))
        throw new FormatError(
          `elf: ${at} names section ${index} at offset ${offset}, ${member ? 'which is in a group already' : `there are ${elf.sections.length}`}`,
        );
      taken.add(index);
      if (member.type !== SHT.RELA) members.push(member);
    }
    const signature =
      symbols.name(group.info) || elf.sections[symbols.section[group.info]]?.name || group.name;
    groups.set(signature, members);
  }
  return groups;
}
