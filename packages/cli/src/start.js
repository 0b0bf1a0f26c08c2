// Plain JavaScript: with the first TypeScript file Node loads what takes the types off, a tenth of a second, unless the cache is on.
import { enableCompileCache, registerHooks } from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

// Loading hundreds of small files is most of the time of a short command; so what is imported later is imported with the following.

// Keeps what the types were taken off, in klpkit's cache (cacheRoot of @klpkit/host). Not in the folder that Node would choose, which
// is below /tmp: other users could put code there.
const base = process.env.XDG_CACHE_HOME;
enableCompileCache(join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'klpkit', 'node'));

// Relative imports name the very file, and a file of the project is what its ending says: nothing has to be looked for.
registerHooks({
  resolve: (specifier, context, next) =>
    specifier.startsWith('.') && specifier.endsWith('.ts') && context.parentURL?.startsWith('file:')
      ? { url: new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true }
      : next(specifier, context),
});
