import type { Plugin } from 'vite';

/**
 * Turns iced-x86 1.21, which is CommonJS for Node, into an ES module that fetches its wasm. Touches browser code only: at build
 * time Node loads iced itself.
 */
export function icedForBrowsers(): Plugin {
  return {
    name: 'iced-for-browsers',
    enforce: 'pre',
    applyToEnvironment: (environment) => environment.config.consumer === 'client',
    config: () => ({ optimizeDeps: { exclude: ['iced-x86'] } }),
    transform(code, id) {
      if (!id.split('?')[0].endsWith('/iced-x86/iced_x86.js')) return undefined;
      const tail = code.lastIndexOf("const path = require('path')");
      if (tail < 0) throw new Error('iced-x86 no longer ends by reading its wasm from disk: mend this shim');
      return [
        "import wasmUrl from 'iced-x86/iced_x86_bg.wasm?url';",
        'const module = { exports: {} };',
        code.slice(0, tail).replace(/^const .*require\(`util`\);$/m, ''),
        'wasm = (await WebAssembly.instantiateStreaming(fetch(wasmUrl), imports)).instance.exports;',
        'export default module.exports;',
      ].join('\n');
    },
  };
}
