export { type FunctionDetails, unitDetails } from './details.ts';
export type { EditedFile } from './edits.ts';
export { reportHtml } from './html.ts';
export { reportJson, reportJsonSchema } from './json.ts';
export { makeReport, type ReportedFix, type ReportedUnit, type ReportRequest } from './make.ts';
export { type Report, reportSchema, reportVersion } from './schema.ts';
export { openSource, type SourceRequest, type SourceSide } from './source.ts';
export { formatReport, type TextOptions, type TextRole } from './text.ts';
export { explainUnit, type UnitSource } from './why.ts';
