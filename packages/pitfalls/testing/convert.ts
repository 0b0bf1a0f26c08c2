/** `convert IN.ko OUT.ko placeholder=object:name,position@patched`: KLP relocations for the transcripts of the pages. */
import { readFile, writeFile } from 'node:fs/promises';
import { convertKlp } from '@klpkit/livepatch';

const [from, to, ...wanted] = process.argv.slice(2);
const placeholders = wanted.map((text) => {
  const match = /^(\w+)=(\w+):(.*),(\d+)@(\w+)$/.exec(text);
  if (!match || match.slice(1).some((part) => part === undefined)) throw new Error(`no placeholder: ${text}`);
  const [, symbol, object, name, sympos, patched] = match as unknown as string[];
  return { symbol, object, name, sympos: Number(sympos), patched } as const;
});
await writeFile(
  to as string,
  convertKlp(new Uint8Array(await readFile(from as string)), placeholders as never),
);
