import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { perFile } from './memo.ts';
import type { Kernel } from './types.ts';

/**
 * Values of a kernel configuration by full name: `CONFIG_SMP` → `y`, `CONFIG_NR_CPUS` → `8192`, strings without their
 * quotes. An option that is off has no entry.
 */
export type KernelConfig = ReadonlyMap<string, string>;

/** Reads the text of a `.config`; lines that set nothing are passed over. */
export function parseConfig(text: string): KernelConfig {
  const config = new Map<string, string>();
  // Without a regular expression for each of the 10,000 lines: this is read in every short command.
  for (const line of text.split('\n')) {
    if (!line.startsWith('CONFIG_')) continue;
    const end = line.indexOf('=');
    const value = line.slice(end + 1);
    if (end < 0 || value === 'n') continue;
    config.set(
      line.slice(0, end),
      value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value,
    );
  }
  return config;
}

/** The configuration that a kernel was built with, from the `.config` of its build folder. Read once. */
export function kernelConfig(kernel: Pick<Kernel, 'buildDir'>): Promise<KernelConfig> {
  return readConfig(join(kernel.buildDir, '.config'));
}

const readConfig = perFile(async (path) => parseConfig(await readFile(path, 'utf8')));
