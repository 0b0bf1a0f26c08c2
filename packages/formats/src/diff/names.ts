import { utf8 } from './mail.ts';
import { PatchError } from './types.ts';

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  t: '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  '"': '"',
  '\\': '\\',
};

/**
 * A name in C quotes at the beginning of `text`, with the length that it takes there: `"a/f\303\251.c"`.
 * `undefined` if the quotes are not closed or an escape is unknown.
 */
function quotedName(text: string): { readonly name: string; readonly length: number } | undefined {
  const match = /^"((?:[^"\\]|\\.)*)"/.exec(text);
  if (!match) return undefined;
  let isKnown = true;
  const bytes = (match[1] as string).replace(
    /\\([0-7]{1,3}|.)|[\u0080-\u{10ffff}]/gu,
    (whole, code?: string) => {
      // Only octal escapes stand for bytes; other text is turned to bytes to be decoded with them.
      if (code === undefined) return String.fromCharCode(...new TextEncoder().encode(whole));
      if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 0xff);
      const char = escapes[code];
      isKnown &&= char !== undefined;
      return char ?? '';
    },
  );
  return isKnown ? { name: utf8(bytes), length: match[0].length } : undefined;
}

/** The name and the time behind `--- ` or `+++ `, or behind `rename from `. */
export function fileName(text: string, line: number): { readonly name: string; readonly time: string } {
  if (text.startsWith('"')) {
    const quoted = quotedName(text);
    if (!quoted) throw new PatchError(line, `expected a name in quotes, found ${text}`);
    return { name: quoted.name, time: text.slice(quoted.length).trim() };
  }
  const tab = text.indexOf('\t');
  if (tab >= 0) return { name: text.slice(0, tab), time: text.slice(tab + 1).trim() };
  // Some programs put a space before the time.
  const timed = /^(.*?) +(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*)$/.exec(text);
  return { name: (timed?.[1] ?? text).trimEnd(), time: timed?.[2] ?? '' };
}

/** The two names of a `diff --git` line, if it tells them apart. */
export function gitNames(text: string): readonly [string, string] | undefined {
  if (text.startsWith('"')) {
    const first = quotedName(text);
    if (!first) return undefined;
    const rest = text.slice(first.length).trimStart();
    const second = rest.startsWith('"') ? quotedName(rest)?.name : rest;
    return second === undefined ? undefined : [first.name, second];
  }
  const quote = text.indexOf(' "');
  if (quote > 0) {
    const second = quotedName(text.slice(quote + 1));
    return second && [text.slice(0, quote), second.name];
  }
  // Names can hold spaces: what counts is that both sides are the same path, with or without a/ and b/.
  for (let space = text.indexOf(' '); space > 0; space = text.indexOf(' ', space + 1)) {
    const [first, second] = [text.slice(0, space), text.slice(space + 1)];
    const isSame = first === second || (first.includes('/') && strip(first) === strip(second));
    if (isSame) return [first, second];
  }
  const words = text.split(' ');
  return words.length === 2 ? [words[0] as string, words[1] as string] : undefined;
}

const strip = (name: string) => name.slice(name.indexOf('/') + 1);

/** A name without its first `count` folders, as `patch -p`; `undefined` if it has not that many. */
export function stripName(name: string, count: number): string | undefined {
  let rest = name;
  for (let i = 0; i < count; i++) {
    const slash = rest.indexOf('/');
    if (slash < 0) return undefined;
    rest = rest.slice(slash + 1).replace(/^\/+/, '');
  }
  return rest === '' ? undefined : rest;
}

/** True for the time that `diff -N` gives a file that is not there. */
export function isEpoch(time: string): boolean {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.0+)? ?([+-]\d\d)(\d\d)$/.exec(time);
  return match
    ? Date.parse(`${match[1]}T${match[2]}${match[3]}:${match[4]}`) === 0
    : time === 'Thu Jan  1 00:00:00 1970';
}
