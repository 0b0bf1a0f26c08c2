import { type Comparison, compareObjects, type ObjectModel, readObjectModel } from '../index.ts';
import { compile, kernelFlags } from './compile.ts';

/** A machine, with what compiles kernel C for it. */
export interface TestMachine {
  readonly name: string;
  readonly compiler: string;
  /** What makes small C look like a unit of a kernel for it. */
  readonly flags: readonly string[];
  /** An `ALTERNATIVE` as the kernel writes it: `WORD` stands for the replacement. */
  readonly alternative: string;
  readonly nop: string;
}

/** Flags that do not depend on the machine. */
const common: readonly string[] = [
  '-std=gnu11',
  '-O2',
  '-w',
  '-ffreestanding',
  '-fno-pie',
  '-fno-common',
  '-fno-strict-aliasing',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fno-jump-tables',
  // The default on x86 alone: cold parts.
  '-freorder-blocks-and-partition',
  '-ffunction-sections',
  '-fdata-sections',
];

const outOfLine = (section: string, tail: string) =>
  `661: nop\\n662:\\n.pushsection .altinstructions,\\"a\\"\\n.long 661b - ., 663f - .\\n${tail}\\n.popsection\\n${section}\\n663: .long WORD\\n664:\\n.previous`;

/** The machines that kernels with livepatches run on. */
export const machines: readonly TestMachine[] = [
  {
    name: 'x86-64',
    compiler: 'gcc-12',
    flags: kernelFlags,
    alternative: outOfLine('.section .altinstr_replacement,\\"ax\\"', '.long 7\\n.byte 1, 664f - 663f'),
    nop: 'nop',
  },
  {
    name: 'arm64',
    compiler: 'aarch64-linux-gnu-gcc-12',
    flags: [
      ...common,
      '-mgeneral-regs-only',
      '-mbranch-protection=pac-ret+bti',
      '-fpatchable-function-entry=4,2',
    ],
    alternative: outOfLine('.subsection 1', '.hword 7\\n.byte 4, 664f - 663f'),
    nop: 'nop',
  },
  {
    name: 'ppc64le',
    compiler: 'powerpc64le-linux-gnu-gcc-12',
    flags: [
      ...common,
      '-mabi=elfv2',
      '-mcmodel=medium',
      '-msoft-float',
      '-mno-altivec',
      '-mno-vsx',
      '-mtraceback=no',
      '-pg',
      '-mprofile-kernel',
    ],
    alternative:
      '661: nop\\n662:\\n.pushsection __ftr_alt_97,\\"a\\"\\n663: .long WORD\\n664:\\n.popsection\\n.pushsection __ftr_fixup,\\"a\\"\\n.balign 8\\n5: .8byte 1, 0, 661b-5b, 662b-5b, 663b-5b, 664b-5b\\n.popsection',
    nop: 'nop',
  },
  {
    name: 's390x',
    compiler: 's390x-linux-gnu-gcc-12',
    flags: [
      ...common,
      '-m64',
      '-mbackchain',
      '-msoft-float',
      '-mpacked-stack',
      '-march=z13',
      '-pg',
      '-mfentry',
      '-mrecord-mcount',
      '-mnop-mcount',
    ],
    alternative: outOfLine('.section .altinstr_replacement,\\"ax\\"', '.long 7\\n.byte 664f - 663f'),
    nop: 'nopr',
  },
];

/** Compiles C for a machine, with the macros of `compile.ts` before it. */
export async function compileFor(
  machine: TestMachine,
  source: string,
  flags: readonly string[] = [],
): Promise<ObjectModel> {
  return readObjectModel(await compile(source, flags, machine.flags, machine.compiler));
}

/** As `comparePair`, for a machine. */
export async function comparePairFor(
  machine: TestMachine,
  source: string,
  flags: readonly string[] = [],
): Promise<Comparison> {
  const [before, after] = await Promise.all([
    compileFor(machine, source, flags),
    compileFor(machine, source, [...flags, '-DFIX']),
  ]);
  return compareObjects(before, after);
}
