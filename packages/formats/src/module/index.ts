export * from './bytes.ts';
export * from './exports.ts';
export { type ModuleInfo, readModuleInfo, readVersions } from './info.ts';
