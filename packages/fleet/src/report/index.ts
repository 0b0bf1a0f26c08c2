export {
  type Coverage,
  coverageOf,
  coverageStates,
  type Group,
  groupsOf,
  type ReportFacts,
} from './coverage.ts';
export { coverageCsv } from './csv.ts';
export { coverageHtml } from './html.ts';
export { openVex, type VexOptions } from './openvex.ts';
export {
  type ReleaseFile,
  type ReleaseFix,
  type ReleaseKernel,
  type ReleaseManifest,
  type ReleaseSigning,
  type ReleaseWords,
  releaseFormat,
  type WithdrawnLivepatch,
  writeRelease,
} from './release.ts';
export { releaseSchema } from './release-schema.ts';
export { coverageText } from './text.ts';
export { writeCoverage } from './write.ts';
