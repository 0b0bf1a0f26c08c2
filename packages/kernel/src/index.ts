/** Kernels to patch: where they come from, and what they hold. */
export * from './add.ts';
export { cleanEnvironment } from './build-folder.ts';
export { installedCompiler, sameCompiler } from './compiler.ts';
export { type KernelConfig, kernelConfig, parseConfig } from './config.ts';
export {
  type ConfigFact,
  configFacts,
  describeKernel,
  type KernelDescription,
  type Lack,
} from './describe.ts';
export { type DoctorReport, doctor, type ToolFact } from './doctor.ts';
export { type KernelImage, loadImage, prepareImage } from './image.ts';
export {
  dependsOf,
  type KernelModule,
  listModules,
  loadModule,
  type ModuleFile,
  moduleName,
  moduleSymvers,
  parseSymvers,
  type Symver,
  withModules,
} from './modules.ts';
export { compareDebianVersions } from './providers/deb822.ts';
export { isOfSeries } from './providers/debian-spec.ts';
export { type UnpackedPackages, unpackPackages } from './providers/packages.ts';
export { findKernel, kernelsOfSeries, listKernels, openKernel, removeKernel } from './store.ts';
export type { Kernel, OnProgress, Progress, Unit } from './types.ts';
export * from './units/index.ts';
