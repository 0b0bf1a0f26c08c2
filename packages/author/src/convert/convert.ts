import { type Finding, Refusal, UsageError } from '@klpkit/findings';
import {
  type ElfFile,
  ET,
  FormatError,
  findSection,
  readElf,
  readModuleBytes,
  readModuleInfo,
  readSymbols,
  SHN,
  sectionBytes,
} from '@klpkit/formats';
import { type Kernel, moduleSymvers } from '@klpkit/kernel';
import {
  convertKlp,
  type Livepatch,
  type LivepatchPlan,
  type LivepatchTables,
  livepatchName,
  type Manifest,
  manifestFile,
  type Placeholder,
  planOfManifest,
  readAnnotations,
  readLivepatch,
  renameUndefined,
  withoutAnnotationArrays,
} from '@klpkit/livepatch';
import { identifier } from '../extract/outside.ts';
import { finishModule } from '../finish/index.ts';
import { checkModule } from '../judge/index.ts';
import { kernelNames } from '../symbols/index.ts';
import { type Conversion, ModuleResolver, type ResolvedModule } from './resolve.ts';

/** Options of {@link convertModule}. */
export interface ConvertRequest {
  /** Says of names in the module what they are; goes before annotations. */
  readonly manifest?: Manifest | undefined;
  /** The manifest's file, for messages; default `klpkit.json`. */
  readonly manifestName?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A module with KLP relocations. */
export interface ConvertedModule {
  /** As the kernel calls it. */
  readonly name: string;
  /** The bytes of the `.ko`. */
  readonly module: Uint8Array;
  /** What was converted, by the names in the module. */
  readonly conversions: readonly Conversion[];
  /** Exports of vmlinux that it uses in the ordinary way. */
  readonly exports: readonly string[];
  readonly livepatch: Livepatch;
  /** What `klpkit check` says of the result, and notes of the conversion. */
  readonly findings: readonly Finding[];
}

/**
 * Turns every reference of a livepatch module to a symbol that the kernel does not export into a KLP relocation: as its manifest says, as
 * annotations in the object say, or, where the name is unique among vmlinux, the patched modules and those that they depend on, by
 * that. A relocatable object is finished by the kernel's own tools; a module that was linked already (with modpost told to pass over
 * undefined symbols) only gets its relocations moved. The result is read back and judged. The same input gives the same bytes.
 *
 * @param file its name, for messages; for an object without a name of its own also the module's
 * @param packed a `.ko`, compressed or not, or a `.o`
 * @throws {UsageError} for a file that is no relocatable ELF file
 * @throws {Refusal} with every reason at once
 */
export async function convertModule(
  kernel: Kernel,
  file: string,
  packed: Uint8Array,
  { manifest, manifestName = manifestFile, signal }: ConvertRequest = {},
): Promise<ConvertedModule> {
  const { bytes, elf } = await readRelocatable(file, packed);
  const isLinked = findSection(elf, '.gnu.linkonce.this_module') !== undefined;
  const first = readLivepatch(bytes);
  const name = first.name || livepatchName(file.replace(/(\.klp)?\.k?o(\.\w+)?$/, ''));
  const findings = refusedAtOnce(elf, first);
  if (manifest) findings.push(...manifestProblems(manifest, name, kernel));
  const annotations = readAnnotations(elf);
  const objects = new Set(['vmlinux']);
  for (const object of first.patch?.objects ?? []) if (!object.isVmlinux) objects.add(object.name);
  for (const one of [...annotations.all, ...(manifest?.symbols ?? [])]) objects.add(one.object);
  let names = await kernelNames(kernel, objects);
  const depends = [...objects]
    .flatMap((object) => names.dependsOf(object))
    .filter((one) => !objects.has(one));
  if (depends.length > 0) names = await kernelNames(kernel, [...objects, ...depends]);
  const livepatch = readLivepatch(bytes, names.known.layout);
  if (manifest) findings.push(...tableProblems(manifest, livepatch));

  const info = readModuleInfo(elf);
  const namespaces = new Set(info.all('import_ns'));
  const resolver = new ModuleResolver({ elf, livepatch, annotations, manifest, namespaces }, names);
  const resolved = resolver.resolve();
  findings.push(...resolved.findings);
  if (resolved.conversions.length === 0 && !findings.some(({ severity }) => severity === 'error'))
    findings.push({
      id: 'nothing-to-convert',
      severity: 'error',
      what: 'every symbol that the module refers to is exported: nothing is to be converted',
      next: 'use it as it is; klpkit check says whether the kernel takes it',
    });
  const plain = withoutAnnotationArrays(bytes);
  if (findings.some(({ severity }) => severity === 'error'))
    findings.push(...sectionProblems(plain, resolved));
  refuseErrors(inFile(findings, manifestName));
  const module = isLinked
    ? await convertLinked(kernel, plain, resolved, findings)
    : await finishObject(kernel, plain, { name, resolved, livepatch, names, findings, signal });
  const result = readLivepatch(module, names.known.layout);
  findings.push(...verify(result, elf, resolved));
  const { judgement } = await checkModule(`${name}.ko`, module, { kernel });
  findings.push(...judgement.findings);
  if (isLinked && bytes.length > endOfElf(elf))
    findings.push({
      id: 'signature-dropped',
      severity: 'note',
      what: 'the signature behind the module is left out, since it would be false',
      next: 'sign it with scripts/sign-file after everything else',
    });
  const named = inFile(findings, manifestName);
  const unique = [...new Map(named.map((one) => [JSON.stringify(one), one])).values()];
  refuseErrors(unique);
  return {
    name,
    module,
    conversions: resolved.conversions,
    exports: resolved.exports,
    livepatch: result,
    findings: unique,
  };
}

async function readRelocatable(
  file: string,
  packed: Uint8Array,
): Promise<{ bytes: Uint8Array; elf: ElfFile }> {
  try {
    const bytes = await readModuleBytes(packed);
    const elf = readElf(bytes);
    if (elf.type !== ET.REL)
      throw new FormatError(`elf: type ${elf.type} at offset 16, a module has ${ET.REL} (relocatable)`);
    readSymbols(elf);
    return { bytes, elf };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UsageError(`${file}: ${error.message}`, 'give a livepatch as .ko, or as .o before modpost');
  }
}

/** Findings about the manifest with the name that its file has. */
function inFile(findings: readonly Finding[], file: string): Finding[] {
  return findings.map((one) => (one.at?.file === manifestFile ? { ...one, at: { ...one.at, file } } : one));
}

function refuseErrors(findings: readonly Finding[]): void {
  if (findings.some(({ severity }) => severity === 'error')) throw new Refusal(findings);
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Faults of the file that no conversion mends. */
function refusedAtOnce(elf: ElfFile, livepatch: Livepatch): Finding[] {
  const findings: Finding[] = [];
  if (livepatch.mark === undefined)
    findings.push({
      id: 'KLP201',
      severity: 'error',
      what: 'the module is no livepatch: it is not marked as one',
      why: 'the kernel resolves KLP relocations of marked modules only',
      next: 'add MODULE_INFO(livepatch, "Y"), if it is to be one',
      at: { section: '.modinfo' },
    });
  const symbols = readSymbols(elf);
  let marked = 0;
  for (let index = 1; index < symbols.count; index++) if (symbols.section[index] === SHN.LIVEPATCH) marked++;
  if (marked > 0 || livepatch.klpSections.length > 0)
    findings.push({
      id: 'klp-already-converted',
      severity: 'error',
      what: `the module is converted already: ${counted(livepatch.klpRelocations.length, 'KLP relocation')} of ${counted(marked, 'symbol')}`,
      next: 'convert what it was made of; klpkit show explains what it has',
    });
  return findings;
}

function manifestProblems(manifest: Manifest, name: string, { id, release }: Kernel): Finding[] {
  const findings: Finding[] = [];
  const error = (path: string, what: string, next: string) =>
    findings.push({
      id: 'manifest',
      severity: 'error',
      what,
      next,
      at: { file: manifestFile, symbol: path },
    });
  const { kernel: made } = manifest;
  if ((made?.id ?? id) !== id || (made?.release ?? release) !== release)
    error(
      'kernel',
      `the manifest is for ${made?.id ?? made?.release}, not for ${id}`,
      'name that kernel with --kernel',
    );
  if (manifest.name !== name)
    error(
      'name',
      `the manifest is of ${manifest.name}, the module is ${name}`,
      'give the manifest of this module',
    );
  return findings;
}

const functionsOf = (plan: Pick<LivepatchPlan | LivepatchTables, 'objects'>) =>
  plan.objects
    .flatMap(({ name, functions }) => functions.map(({ oldName, sympos }) => `${name}: ${oldName},${sympos}`))
    .sort();

function tableProblems(manifest: Manifest, { patch }: Livepatch): Finding[] {
  // A manifest that only names symbols says nothing of tables.
  if (!patch || manifest.objects.length === 0) return [];
  const [planned, found] = [functionsOf(planOfManifest(manifest)), functionsOf(patch)];
  const [missing, more] = [
    planned.filter((one) => !found.includes(one)),
    found.filter((one) => !planned.includes(one)),
  ];
  if (missing.length === 0 && more.length === 0) return [];
  const parts = [
    ...(missing.length > 0 ? [`the module does not patch ${missing.join(', ')}`] : []),
    ...(more.length > 0 ? [`the manifest does not know ${more.join(', ')}`] : []),
  ];
  return [
    {
      id: 'manifest',
      severity: 'error',
      what: `the manifest contradicts the module: ${parts.join('; ')}`,
      next: 'give the manifest of this module',
      at: { file: manifestFile, symbol: 'objects' },
    },
  ];
}

/** What the sections of the module would refuse, for one that is refused anyway: all reasons are told at once. */
function sectionProblems(plain: Uint8Array, { conversions, patchedIn }: ResolvedModule): readonly Finding[] {
  try {
    convertKlp(plain, conversions, { patchedIn });
    return [];
  } catch (error) {
    if (error instanceof Refusal) return error.findings;
    throw error;
  }
}

/** A module that modpost has seen: only its relocations move. */
async function convertLinked(
  kernel: Kernel,
  plain: Uint8Array,
  { conversions, patchedIn, exports }: ResolvedModule,
  findings: Finding[],
): Promise<Uint8Array> {
  const depends = readModuleInfo(readElf(plain)).get('depends') ?? '';
  if (depends !== '')
    findings.push({
      id: 'KLP304',
      severity: 'warning',
      what: `the module was linked as one that depends on ${depends}`,
      why: 'modprobe loads those modules first, though the livepatch can do without them',
      next: 'convert the object before modpost instead of the finished module',
      at: { section: '.modinfo' },
    });
  const symvers = await moduleSymvers(kernel);
  const known = new Set(exports);
  return convertKlp(plain, conversions, { isExport: (one) => known.has(one) || symvers.has(one), patchedIn });
}

interface ObjectToFinish {
  readonly name: string;
  readonly resolved: ResolvedModule;
  readonly livepatch: Livepatch;
  readonly names: Awaited<ReturnType<typeof kernelNames>>;
  readonly findings: Finding[];
  readonly signal: AbortSignal | undefined;
}

/** An object before modpost: private symbols get names under which nothing takes them for exports, and the kernel's tools do the rest. */
async function finishObject(
  kernel: Kernel,
  plain: Uint8Array,
  { name, resolved, livepatch, names, findings, signal }: ObjectToFinish,
): Promise<Uint8Array> {
  const renamed = new Map<string, string>();
  const placeholders: Placeholder[] = resolved.conversions.map((one, number) => {
    // objtool knows static calls by name.
    const isStaticCall = /^__SC[TK]__/.test(one.symbol) && one.object === 'vmlinux';
    const symbol = isStaticCall ? one.symbol : `__klpkit_ref_${number}_${identifier(one.name)}`;
    renamed.set(one.symbol, symbol);
    const { object, sympos, patched } = one;
    return { symbol, object, name: one.name, sympos, patched };
  });
  const plan: LivepatchPlan = {
    name,
    replace: livepatch.patch?.replace ?? false,
    objects: (livepatch.patch?.objects ?? []).map((object) => ({
      name: object.name,
      functions: object.functions.map(({ oldName, sympos, newSymbol }) => ({
        oldName,
        sympos,
        newSymbol: newSymbol ?? '',
      })),
    })),
  };
  const finished = await finishModule(kernel, {
    plan,
    objects: [renameUndefined(plain, renamed)],
    placeholders,
    hasTables: true,
    facts: names.known,
    signal,
  });
  findings.push(...finished.findings);
  return finished.ko;
}

/** Counts what is in the result against what was planned. */
function verify({ klpRelocations }: Livepatch, before: ElfFile, { conversions }: ResolvedModule): Finding[] {
  const planned = new Set(conversions.map(({ object, name, sympos }) => `${object} ${name} ${sympos}`));
  const found = new Set(klpRelocations.map((one) => `${one.symbolObject} ${one.name} ${one.sympos}`));
  const used = conversions
    .filter(({ uses }) => uses > 0)
    .map((one) => `${one.object} ${one.name} ${one.sympos}`);
  const wrong = [...used.filter((one) => !found.has(one)), ...[...found].filter((one) => !planned.has(one))];
  const uses = conversions.reduce((sum, one) => sum + one.uses, 0);
  // objtool adds tables of its own; arrays of annotations go.
  const isCounted = findSection(before, '.orc_unwind_ip') !== undefined && !hasArrays(before);
  if (wrong.length === 0 && (!isCounted || klpRelocations.length === uses)) return [];
  return [
    {
      id: 'klp-not-as-planned',
      severity: 'error',
      what: `the converted module does not hold what was planned: ${wrong.join(', ') || `${klpRelocations.length} KLP relocations instead of ${uses}`}`,
      next: 'report it with the module: this is a defect of klpkit',
    },
  ];
}

const hasArrays = ({ sections }: ElfFile) =>
  sections.some(({ name }) => name.startsWith('.klp.module_relocs.'));

/** Where the last section or header of a file ends. */
function endOfElf(elf: ElfFile): number {
  const headers = Number(elf.view.getBigUint64(40, elf.littleEndian)) + elf.sections.length * 64;
  return elf.sections.reduce(
    (end, section) => Math.max(end, section.offset + sectionBytes(elf, section).length),
    headers,
  );
}
