import type { Finding } from '@klpkit/findings';
import { sha256Hex } from '@klpkit/host';
import type { Kernel } from '@klpkit/kernel';
import {
  explainRelocations,
  klpSymbolName,
  type Manifest,
  planOfManifest,
  readLivepatch,
} from '@klpkit/livepatch';
import { makeReport, type Report } from '../report/index.ts';
import type { FolderObject } from './compile.ts';
import type { ResolvedFolder } from './resolve.ts';

/** All that is known when a folder is built. */
export interface BuiltParts {
  readonly kernel: Kernel;
  readonly manifest: Manifest;
  readonly objects: readonly FolderObject[];
  readonly resolved: ResolvedFolder;
  readonly module: Uint8Array;
  readonly findings: readonly Finding[];
  readonly overrides: readonly string[];
}

/** The report of a livepatch that is written in C: what the binary route's says, without a comparison, which there is none of. */
export function folderReport(parts: BuiltParts): Report {
  const { kernel, manifest, objects, resolved, module, findings, overrides } = parts;
  const report = makeReport({
    name: manifest.name,
    kernel,
    fixes: [],
    files: [],
    units: [],
    findings,
    overrides,
    module: { bytes: module, plan: planOfManifest(manifest) },
    tools: [{ name: 'gcc', version: kernel.compilerVersion }],
  });
  const replaced = new Map(
    manifest.objects.flatMap(({ name, functions }) =>
      functions.map((one) => [one.new, { name: one.old, object: name }] as const),
    ),
  );
  const users = new Map<string, { name: string; object?: string }[]>();
  for (const { relocation, user } of explainRelocations(module, readLivepatch(module))) {
    const list = users.get(relocation.symbol) ?? [];
    users.set(relocation.symbol, list);
    list.push(replaced.get(user) ?? { name: user });
  }
  const relocations = new Map(
    resolved.placeholders.map((one) => {
      const { object, name, sympos, patched } = one;
      const own = (users.get(klpSymbolName(one)) ?? []).filter(
        (user) => (user.object ?? patched) === patched,
      );
      const usedBy = [...new Set(own.map((user) => user.name))].sort();
      return [`${patched} ${klpSymbolName(one)}`, { object, name, sympos, patched, usedBy }] as const;
    }),
  );
  return {
    ...report,
    sources: objects.map(({ file, source, bytes }) => ({
      file,
      ...(source ? { object: source.object } : {}),
      ...(source?.unit === undefined ? {} : { unit: source.unit }),
      sha256: sha256Hex(bytes),
      functions: manifest.objects
        .filter(({ name }) => name === source?.object)
        .flatMap(({ functions }) => functions)
        .filter((one) => resolved.functions.get(one.new)?.file === file)
        .map((one) => ({
          name: one.old,
          new: one.new,
          sympos: one.sympos,
          size: resolved.functions.get(one.new)?.size ?? 0,
        })),
    })),
    relocations: [...relocations].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one),
    exports: [...resolved.exports],
  };
}
