import type { Section } from '@klpkit/formats';
import type { ObjectModel } from '../model/model.ts';
import type { Spot } from './ground.ts';

/**
 * The section that the compiler would have used without -ffunction-sections: `.text.unlikely` for `.text.unlikely.f`.
 * `undefined` for a section that the source names.
 */
export function textGroup(model: ObjectModel, section: Section): string | undefined {
  const [first, ...more] = model.piecesIn(section).filter((piece) => piece.kind === 'function');
  if (!first || more.length > 0) return undefined;
  for (const name of [first.name, ...first.aliases, first.name.replace(/\.cold(\.\d+)?$/, '')]) {
    if (!section.name.endsWith(`.${name}`)) continue;
    const group = section.name.slice(0, -name.length - 1);
    if (/^\.text(\.(unlikely|hot|startup|exit))?$/.test(group)) return group;
  }
  return undefined;
}

const orders = new WeakMap<ObjectModel, Map<string, Section[]>>();

/** Sections of single functions in the order in which the compiler wrote them, by group. */
function groupsOf(model: ObjectModel): Map<string, Section[]> {
  let groups = orders.get(model);
  if (groups) return groups;
  groups = new Map();
  for (const section of model.elf.sections) {
    if (section.size === 0) continue;
    const group = textGroup(model, section);
    if (group === undefined) continue;
    const list = groups.get(group);
    if (list) list.push(section);
    else groups.set(group, [section]);
  }
  orders.set(model, groups);
  return groups;
}

/**
 * Whether a function's section, put at `base`, lies exactly behind or before its neighbours as one text section of the unit would
 * have it: at the next multiple of its alignment. `undefined` when no neighbour's place is known.
 */
export function nextTo(
  model: ObjectModel,
  section: Section,
  base: Spot,
  bases: ReadonlyMap<number, Spot>,
): boolean | undefined {
  const group = textGroup(model, section);
  const order = group === undefined ? undefined : groupsOf(model).get(group);
  if (!order) return undefined;
  const at = order.indexOf(section);
  const before = at > 0 ? bases.get(order[at - 1].index) : undefined;
  const after = at + 1 < order.length ? bases.get(order[at + 1].index) : undefined;
  if (!before && !after) return undefined;
  if (before && !sameOr(before, order[at - 1], base, section)) return false;
  return !after || sameOr(base, section, after, order[at + 1]);
}

function sameOr(first: Spot, firstSection: Section, second: Spot, secondSection: Section): boolean {
  if (first.space !== second.space) return false;
  const align = Math.max(1, secondSection.align);
  return Math.ceil((first.value + firstSection.size) / align) * align === second.value;
}
