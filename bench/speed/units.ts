import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findUnits, type Kernel, type Unit } from '@klpkit/kernel';
import { sampleOf, shuffled } from '../corpus/sample.ts';

/** Folders that units are drawn from: built in and modular, of every kind. */
const folders = [
  'arch/x86/kernel',
  'arch/x86/mm',
  'block',
  'crypto',
  'drivers/block',
  'drivers/net',
  'drivers/usb/core',
  'fs',
  'fs/ext4',
  'fs/xfs',
  'kernel',
  'kernel/sched',
  'lib',
  'mm',
  'net/core',
  'net/ipv4',
  'net/netfilter',
  'security',
  'sound/core',
];

/** The sources that units are drawn from. */
async function sourcesOf(kernel: Kernel): Promise<string[]> {
  const sources: string[] = [];
  // Objects of init carry the build's own text.
  for (const folder of folders)
    for (const name of await readdir(join(kernel.sourceDir, folder)))
      if (name.endsWith('.c')) sources.push(`${folder}/${name}`);
  return sources;
}

/** At most `count` units of the kernel, spread over all folders, in an order drawn from the seed. */
export async function drawUnits(kernel: Kernel, count: number, seed = 1): Promise<Unit[]> {
  // About half of the sources are built.
  const sample = shuffled(sampleOf(await sourcesOf(kernel), count * 2, seed), seed);
  const { units } = await findUnits(kernel, sample);
  const bySource = new Map(units.map((unit) => [unit.source, unit]));
  return sample.flatMap((source) => bySource.get(source) ?? []).slice(0, count);
}

/** `count` units of the kernel, the same for one seed each time. */
export async function someUnits(kernel: Kernel, count: number, seed = 1): Promise<Unit[]> {
  const sources = await sourcesOf(kernel);
  const units: Unit[] = [];
  for (const source of sampleOf(sources, count * 3, seed)) {
    if (units.length === count) break;
    const found = await findUnits(kernel, [source]);
    const own = found.units.filter((unit) => unit.source === source);
    if (own.length > 0) units.push(own[0] as Unit);
  }
  return units;
}
