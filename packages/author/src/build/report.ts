import type { Finding } from '@klpkit/findings';
import type { Kernel } from '@klpkit/kernel';
import type { LivepatchPlan } from '@klpkit/livepatch';
import type { Extraction } from '../extract/index.ts';
import type { Fix } from '../fix/index.ts';
import { type FunctionDetails, unitDetails } from '../report/details.ts';
import type { EditedFile, Report } from '../report/index.ts';
import { makeReport, type ReportedUnit } from '../report/make.ts';
import { openUnitSource } from '../report/unit-source.ts';
import type { JudgedUnit } from './unit.ts';

/** All that is known when a build ends. */
export interface FinishedBuild {
  readonly kernel: Kernel;
  readonly name: string;
  readonly fix: Fix;
  /** Folders of private views of the tree that objects with debug information were compiled in. */
  readonly overlays: readonly string[];
  readonly units: readonly {
    readonly judged: JudgedUnit;
    readonly before: Uint8Array;
    readonly after: Uint8Array;
    readonly extraction: Extraction | undefined;
    readonly debug: { readonly before: Uint8Array | undefined; readonly after: Uint8Array | undefined };
    /** What gcc inlined and cloned of those two. */
    readonly clones: { readonly before: string | undefined; readonly after: string | undefined };
  }[];
  readonly findings: readonly Finding[];
  readonly overrides: readonly string[];
  /** Absent when no module was made. */
  readonly module: { readonly bytes: Uint8Array; readonly plan: LivepatchPlan } | undefined;
}

/** The report of a build and the code side by side. */
export function reportBuild(build: FinishedBuild): { report: Report; details: FunctionDetails[] } {
  const { kernel, fix } = build;
  const files: EditedFile[] = fix.files.map(({ path, before, after }) => ({ path, before, after }));
  const units: ReportedUnit[] = build.units.map(({ judged, before, after, extraction, debug, clones }) => ({
    unit: judged.unit,
    objects: { before, after },
    comparison: judged.comparison,
    match: judged.match,
    ...(extraction ? { extraction } : {}),
    source: openUnitSource({
      kernel,
      comparison: judged.comparison,
      files,
      debug,
      clones,
      overlays: build.overlays,
    }),
  }));
  return {
    report: makeReport({
      name: build.name,
      kernel,
      fixes: fix.patches,
      files,
      units,
      findings: build.findings,
      overrides: build.overrides,
      module: build.module,
      tools: [{ name: 'gcc', version: kernel.compilerVersion }],
    }),
    details: units.flatMap((unit) => unitDetails(unit.unit.source, unit.comparison, unit.source, files)),
  };
}
