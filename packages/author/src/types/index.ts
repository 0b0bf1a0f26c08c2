export { type TypeRequest, typeFindings } from './findings.ts';
