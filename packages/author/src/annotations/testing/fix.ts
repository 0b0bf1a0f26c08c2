import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Comparison } from '@klpkit/compare';
import type { Finding } from '@klpkit/findings';
import { comparePair, type Extracted, extractComparison } from '../../extract/testing/pair.ts';
import { type Annotations, readAnnotations, withoutIgnored } from '../index.ts';

const include = join(import.meta.dirname, '../../../include');

/** What the headers for authors want of the kernel's own. */
const kernelHeaders: Readonly<Record<string, string>> = {
  compiler: `#pragma once
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define __UNIQUE_ID(prefix) PASTE(PASTE(__UNIQUE_ID_, prefix), __COUNTER__)
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))`,
  types: '#pragma once\ntypedef unsigned long u64; typedef unsigned int u32;',
  livepatch: `#pragma once
struct klp_object { int x; };
struct klp_patch;
extern void *klp_get_state(struct klp_patch *, unsigned long);`,
  jump_label: `#pragma once
struct static_key { int enabled; };
#define static_key_enabled(x) ((x)->enabled > 0)`,
  static_call: `#pragma once
struct static_call_key { void *func; };
#define STATIC_CALL_KEY(name) __SCK__##name
#define STATIC_CALL_TRAMP(name) __SCT__##name`,
  printk: '#pragma once',
};

/** One unit of a fix with annotations, compared. */
export interface AnnotatedPair {
  readonly annotations: Annotations;
  readonly comparison: Comparison;
  /** Those of the annotations. */
  readonly findings: readonly Finding[];
  extract(): Extracted;
}

/** Compiles a unit without and with FIX, with the very headers that klpkit gives to authors. */
export async function annotatedPair(source: string): Promise<AnnotatedPair> {
  const folder = await mkdtemp(join(tmpdir(), 'klpkit-annotated-'));
  try {
    await mkdir(join(folder, 'linux'));
    for (const [name, text] of Object.entries(kernelHeaders))
      await writeFile(join(folder, 'linux', `${name}.h`), text);
    const whole = await comparePair(source, [`-I${folder}`, `-I${include}`]);
    const { annotations, findings } = readAnnotations('unit.c', whole.after);
    const comparison = withoutIgnored('unit.c', whole, annotations);
    return {
      annotations,
      comparison,
      findings: [...findings, ...comparison.findings.filter(({ id }) => id.startsWith('annotation-'))],
      extract: () => extractComparison(comparison, {}, annotations.callbacks),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
