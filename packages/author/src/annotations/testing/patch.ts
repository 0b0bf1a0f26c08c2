import { createTwoFilesPatch } from 'diff';

/** A patch that makes one text of the other. @throws {Error} when they are the same */
export function patchOf(path: string, before: string, after: string): string {
  if (before === after) throw new Error(`${path} does not change`);
  return createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, undefined, undefined, { context: 3 });
}
