export { type TypeRequest, typeFindings } from './findings.ts';
export { type HeldAgainst, holdAgainst, type Outward } from './held-against.ts';
