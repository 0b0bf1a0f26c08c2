export { type KernelNames, kernelNames } from './names.ts';
export { similarNames } from './similar.ts';
