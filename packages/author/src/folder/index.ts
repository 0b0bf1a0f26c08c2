export { type BuiltFolder, buildFolder, type FolderOptions } from './build.ts';
export { manifestJsonSchema, readManifest } from './manifest.ts';
