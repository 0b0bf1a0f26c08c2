import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '@klpkit/host';

/** A file for a VM: absolute path there, and bytes. */
export interface GuestFile {
  readonly path: string;
  readonly data: Uint8Array;
}

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

/** The Node that this runs on, with the libraries that it needs. */
export async function nodeFiles(): Promise<GuestFile[]> {
  const { stdout } = await run(['ldd', process.execPath]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  return [process.execPath, ...libraries].map((path) => ({
    path: path === process.execPath ? '/usr/bin/node' : path,
    data: readFileSync(path),
  }));
}

/** The command and all that it imports, below `/klpkit`, as JavaScript: to strip types takes a minute where the processor is emulated. */
export function klpkitFiles(): GuestFile[] {
  const files: GuestFile[] = [];
  const seen = new Set<string>();
  const add = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    const linked = join(repository, 'node_modules', name);
    // What one package has for itself alone is of commands that are not run here: they load it when they are.
    if (!existsSync(linked)) return;
    const text = readFileSync(join(linked, 'package.json'), 'utf8');
    const meta = JSON.parse(text) as { dependencies?: Record<string, string> };
    for (const path of filesBelow(linked, name.startsWith('@klpkit/') || name === 'klpkit'))
      files.push(guestFile(join('/klpkit/node_modules', name, relative(linked, path)), path));
    for (const dependency of Object.keys(meta.dependencies ?? {})) add(dependency);
  };
  add('klpkit');
  return files;
}

const left = /\.(map|md|d\.[cm]?ts|node|png|c)$|\.(test|real|boot)\.ts$|\/(testing|cases|schemas|docs)\//;

function filesBelow(folder: string, isOurs: boolean): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !relative(folder, path).startsWith('node_modules/'))
    .filter((path) => !left.test(path) && (isOurs || !path.endsWith('.ts')));
}

function guestFile(path: string, from: string): GuestFile {
  if (!from.endsWith('.ts'))
    return { path, data: from.endsWith('package.json') ? withJavaScript(from) : readFileSync(from) };
  const text = withJsImports(stripTypeScriptTypes(readFileSync(from, 'utf8')));
  return { path: path.replace(/\.ts$/, '.js'), data: new TextEncoder().encode(text) };
}

/** `./x.ts` becomes `./x.js`, in whatever way it is imported. */
function withJsImports(text: string): string {
  return text.replace(/((?:from|import)\s*\(?\s*)(['"])(\.{1,2}\/[^'"\n]*)\.ts\2/g, '$1$2$3.js$2');
}

function withJavaScript(path: string): Uint8Array {
  const text = readFileSync(path, 'utf8');
  const isOurs = existsSync(join(dirname(path), 'src'));
  return new TextEncoder().encode(isOurs ? text.replaceAll(/(\.\/src\/\S+)\.ts"/g, '$1.js"') : text);
}
