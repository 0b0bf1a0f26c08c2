export { type FindOptions, type FoundUnits, findUnits, type MissingSource, unitKey } from './find.ts';
export { type IncludingUnits, unitsIncluding } from './includes.ts';
export { compileEnvironment } from './make.ts';
export { moduleArgv } from './module-flags.ts';
export { splitCommands } from './shell.ts';
export { spelledSource } from './spelling.ts';
