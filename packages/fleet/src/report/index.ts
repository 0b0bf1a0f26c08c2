export { type Coverage, coverageOf, type Group, groupsOf } from './coverage.ts';
export { coverageCsv } from './csv.ts';
export { coverageHtml } from './html.ts';
export { openVex, type VexOptions } from './openvex.ts';
export {
  type ReleaseFile,
  type ReleaseFix,
  type ReleaseKernel,
  type ReleaseManifest,
  type ReleaseSigning,
  releaseFormat,
  writeRelease,
} from './release.ts';
export { releaseSchema } from './release-schema.ts';
export { coverageText } from './text.ts';
export { orderCells, writeCoverage } from './write.ts';
