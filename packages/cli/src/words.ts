/** A number as people read it: `27,015`. */
export const number = (value: number): string => value.toLocaleString('en-GB');

/** `1 function`, `2 functions`, `27,015 functions`. */
export const plural = (value: number, noun: string): string =>
  `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
