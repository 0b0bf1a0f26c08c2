import { basename } from 'node:path';
import type { Kernel } from '@klpkit/kernel';
import { type Manifest, type ManifestObject, type ManifestSymbol, manifestFormat } from '@klpkit/livepatch';
import type { Fix, PatchText } from '../fix/index.ts';
import { mainFile } from './main-file.ts';
import type { UnitResult, UnitWork } from './unit.ts';

/** The manifest of the folder: which file patches what, and where its private symbols are. */
export function makeManifest(
  kernel: Kernel,
  { name, replace }: { readonly name: string; readonly replace: boolean },
  patches: readonly PatchText[],
  fix: Fix,
  work: readonly UnitWork[],
  results: readonly UnitResult[],
): Manifest {
  const objects = new Map<string, ManifestObject['functions'][number][]>();
  const symbols = new Map<string, ManifestSymbol>();
  const files = fileNames(work.map(({ judged }) => judged.unit));
  work.forEach(({ judged }, index) => {
    const { written, symbols: found, positions } = results[index] as UnitResult;
    const list = objects.get(judged.unit.owner) ?? [];
    objects.set(judged.unit.owner, list);
    for (const [old, replacement] of written.replacements) {
      const position = positions.get(old);
      if (position) list.push({ old: position.name, new: replacement, sympos: position.sympos });
    }
    for (const symbol of found.symbols) symbols.set(symbol.name, symbol);
  });
  const subjects = fix.patches.flatMap(({ subject }) => subject ?? []);
  return {
    format: manifestFormat,
    name,
    replace,
    kernel: { id: kernel.id, release: kernel.release },
    main: mainFile,
    sources: work.map(({ judged }, index) => ({
      file: files[index] as string,
      object: judged.unit.owner,
      unit: judged.unit.source,
    })),
    objects: [...objects]
      .filter(([, functions]) => functions.length > 0)
      .sort(([a], [b]) => Number(b === 'vmlinux') - Number(a === 'vmlinux') || (a < b ? -1 : 1))
      .map(([object, functions]) => ({ name: object, functions })),
    symbols: [...symbols.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    author: {
      patches: patches.map((patch) => basename(patch.name)),
      ...(subjects.length > 0 ? { subject: subjects.join('; ') } : {}),
    },
  };
}

/** `fs_namei.c` for each unit; a source may be part of two modules. */
function fileNames(units: readonly { readonly source: string; readonly object: string }[]): string[] {
  const taken = new Set<string>();
  return units.map((unit) => {
    const stem = unit.source.replace(/\.c$/, '').replace(/[^A-Za-z0-9]+/g, '_');
    let name = `${stem}.c`;
    for (let number = 2; taken.has(name); number++) name = `${stem}_${number}.c`;
    taken.add(name);
    return name;
  });
}

/** For people who build with Kbuild by hand; klpkit does not read it. */
export function kbuild({ name, sources }: Manifest): string {
  return [
    '# SPDX-License-Identifier: GPL-2.0',
    '# klpkit build does not need this file: it takes the flags of the units that klpkit.json names.',
    `obj-m := ${name}.o`,
    `${name}-y := ${[...sources.map(({ file }) => file), mainFile].map((file) => file.replace(/\.c$/, '.o')).join(' ')}`,
    'ccflags-y += -ffunction-sections -fdata-sections',
    '',
  ].join('\n');
}
