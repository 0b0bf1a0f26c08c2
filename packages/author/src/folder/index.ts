export { manifestJsonSchema, readManifest } from './manifest.ts';
