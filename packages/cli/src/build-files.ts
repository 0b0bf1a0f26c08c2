import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildStep, BuiltLivepatch } from '@klpkit/author';
import type { Context } from './context.ts';
import { secondsText } from './progress.ts';

/** The files of a built livepatch. */
export interface BuildFiles {
  readonly module: string;
  readonly report: string;
  readonly page: string;
}

/** What {@link writeBuild} writes. */
export type WrittenBuild = Pick<BuiltLivepatch, 'ko' | 'report' | 'details'>;

/** Writes a livepatch, its report and the report's page, each under a temporary name first; the module comes last. */
export async function writeBuild(built: WrittenBuild, folder: string, file: string): Promise<BuildFiles> {
  const { reportHtml, reportJson } = await import('@klpkit/author/report');
  const { writeFileAtomic } = await import('@klpkit/host');
  await mkdir(folder, { recursive: true });
  const path = (suffix: string) => join(folder, `${file}${suffix}`);
  const files: BuildFiles = { module: path('.ko'), report: path('.json'), page: path('.html') };
  await writeFileAtomic(files.report, reportJson(built.report));
  await writeFileAtomic(files.page, reportHtml(built.report, built.details, built.ko));
  await writeFileAtomic(files.module, built.ko);
  return files;
}

/** Tells one step of a build in a line. */
export function sayStep(context: Context, { step, what, ms }: BuildStep): void {
  context.say(
    `${context.paint('name', step.padEnd(8))} ${what} ${context.paint('dim', `(${secondsText(ms)})`)}`,
  );
}
