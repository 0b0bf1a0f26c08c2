import { UsageError } from '@klpkit/findings';

/** Reads a whole number above 0 of a flag, of at most so many digits. */
export const countOf =
  (digits: number) =>
  (text: string): number => {
    if (!/^[1-9]\d*$/.test(text) || text.length > digits)
      throw new UsageError(`${text} is no number above 0`);
    return Number(text);
  };

/** Reads a whole number above 0 of a flag. */
export const parseCount = countOf(6);
