/** All that the worker needs to open files, as one chunk that it fetches when it has begun to listen. */
export { FormatError } from '@klpkit/formats';
export { graphMarkup, searchTable } from '../../../packages/author/src/report/parts/index.ts';
export { open, openKept } from './engine.ts';
