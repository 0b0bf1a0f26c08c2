// Plain JavaScript: with the first TypeScript file Node loads what takes the types off, a tenth of a second, unless the cache is on.
// All of the module is imported, not names of it: a Node that lacks one would end with a stack trace before a line of this runs.
import { existsSync, readFileSync } from 'node:fs';
import * as module from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

if (!process.features.typescript || module.registerHooks === undefined) {
  process.stderr.write(`${nodeIsTooOld()}\n`);
  process.exit(3);
}

/** One line: which Node is needed, which was found, and how to come by the other one. */
function nodeIsTooOld() {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const found = `klpkit needs Node ${engines.node.replace('>=', '')} or later, and ${process.execPath} is ${process.version}`;
  const programs = join(root, 'node_modules', '.bin');
  const next = existsSync(join(programs, 'node'))
    ? `a newer one lies in the clone: npm run klpkit -- …, or once in each shell: export PATH="${programs}:$PATH"`
    : `npm run demo, in ${root}, brings a newer one`;
  return `${found}; ${next}`;
}

// Loading hundreds of small files is most of the time of a short command; so what is imported later is imported with the following.

// Keeps what the types were taken off, in klpkit's cache (cacheRoot of @klpkit/host). Not in the folder that Node would choose, which
// is below /tmp: other users could put code there.
const base = process.env.XDG_CACHE_HOME;
module.enableCompileCache(
  join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'klpkit', 'node'),
);

// Relative imports name the very file, and a file of the project is what its ending says: nothing has to be looked for.
module.registerHooks({
  resolve: (specifier, context, next) =>
    specifier.startsWith('.') && specifier.endsWith('.ts') && context.parentURL?.startsWith('file:')
      ? { url: new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true }
      : next(specifier, context),
});
