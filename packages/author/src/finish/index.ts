export { type FactsOfKernel, kernelFacts } from './facts.ts';
export { type FinishCommand, type FinishedModule, type FinishRequest, finishModule } from './finish.ts';
export { buildFromC, type SourceRequest } from './from-c.ts';
export { buildModule, type ModuleRequest } from './plain-module.ts';
export { fill, loadRecipe } from './recipe.ts';
