/** All that the worker needs to open files, as one chunk that it fetches when it has begun to listen. */
export { FormatError } from '@klpkit/formats';
export { open } from './engine.ts';
export { searchTable } from './table.ts';
