import { linesOf } from '../report/edits.ts';

/** Begins the names that {@link withPlaces} gives; there is no such folder. */
const folder = '/klpkit-line';

/**
 * Makes debug information tell which line of the fixed text an instruction comes from, although the text is numbered as before the
 * fix: each `#line` directive of {@link withLineDirectives} names the file by `/klpkit-line/DRIFT/PATH`, where DRIFT is what has to be
 * added to the numbers behind it. {@link placeFlags} keeps those names out of `__FILE__`, so nothing but debug information has them.
 *
 * @param compiled the text with directives
 * @param after the text without them
 * @param path relative to the tree
 */
export function withPlaces(compiled: string, after: string, path: string): string {
  // Would need escapes in a directive.
  if (/["\\\n]/.test(path)) return compiled;
  const plain = linesOf(after);
  let line = 0;
  const out = linesOf(compiled).map((text) => {
    if (text === plain[line]) {
      line++;
      return text;
    }
    const number = Number(/^#line (\d+)$/.exec(text)?.[1]);
    const drift = line + 1 - number;
    return `${text} "${folder}/${drift < 0 ? '' : '+'}${drift}/${path}"`;
  });
  return out.join('\n') + (compiled.endsWith('\n') ? '\n' : '');
}

/** Arguments of gcc that give `__FILE__` the file's own name in a text of {@link withPlaces}; none for another text. */
export function placeFlags(text: string): string[] {
  const found = [...text.matchAll(/^#line \d+ "\/klpkit-line\/([+-]\d+)\//gm)];
  return [...new Set(found.map((match) => match[1]))].map(
    (drift) => `-fmacro-prefix-map=${folder}/${drift}/=`,
  );
}

/** A text of {@link withLineDirectives} or {@link withPlaces} without the directives. */
export function withoutDirectives(text: string): string {
  return text.replace(/^#line \d+( "\/klpkit-line\/[^"\n]*")?\n/gm, '');
}

/** The line of the fixed text that debug information of a text of {@link withPlaces} means; other lines as they are. */
export function shownPlace<T extends { readonly file: string; readonly line: number }>(
  place: T,
): T | { readonly file: string; readonly line: number } {
  const match = /^\/klpkit-line\/([+-]\d+)\/(.*)$/.exec(place.file);
  return match ? { file: match[2] as string, line: place.line + Number(match[1]) } : place;
}
