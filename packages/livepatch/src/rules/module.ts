import type { Finding } from '@klpkit/findings';
import { EM } from '@klpkit/formats';
import type { Livepatch } from '../read-types.ts';
import type { KernelFacts } from './facts.ts';

/** Licences that the kernel counts as compatible with the GPL (include/linux/license.h). */
const compatible = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

/** Rules about the module as a module: marks, licence, versions, what it imports. */
export function moduleRules(livepatch: Livepatch, kernel: KernelFacts): Finding[] {
  return [
    ...machineRules(livepatch, kernel),
    ...markRules(livepatch),
    ...versionRules(livepatch, kernel),
    ...importRules(livepatch, kernel),
  ];
}

const machineName = (machine: number): string =>
  Object.entries(EM).find(([, number]) => number === machine)?.[0] ?? `machine ${machine}`;

function machineRules({ machine }: Livepatch, kernel: KernelFacts): Finding[] {
  if (kernel.machine === undefined || kernel.machine === machine) return [];
  return [
    {
      id: 'module-machine',
      severity: 'error',
      what: `the module is code for ${machineName(machine)}, the kernel for ${machineName(kernel.machine)}`,
      why: 'the module loader refuses it with ENOEXEC',
      next: 'give the livepatch that was built for this kernel',
    },
  ];
}

function markRules({ name, mark, license, hasSymbols, commonSymbols }: Livepatch): Finding[] {
  const findings: Finding[] = [];
  if (mark === undefined)
    findings.push({
      id: 'KLP201',
      severity: 'error',
      what: 'the module is not marked as a livepatch',
      why: 'klp_enable_patch() refuses it with EINVAL',
      next: 'add MODULE_INFO(livepatch, "Y")',
      at: { section: '.modinfo' },
    });
  else if (mark !== 'Y')
    findings.push({
      id: 'KLP201',
      severity: 'warning',
      what: `the livepatch mark is ${JSON.stringify(mark)}, not "Y"`,
      why: 'the kernel does not look at the value, but its own tools do',
      next: 'write MODULE_INFO(livepatch, "Y")',
      at: { section: '.modinfo' },
    });
  if (!compatible.has(license ?? ''))
    findings.push({
      id: 'KLP202',
      severity: 'error',
      what:
        license === undefined ? 'the module names no licence' : `the licence is ${JSON.stringify(license)}`,
      why: 'klp_enable_patch() is exported to modules under the GPL only',
      next: 'write MODULE_LICENSE("GPL")',
      at: { section: '.modinfo' },
    });
  if (name === 'vmlinux')
    findings.push({
      id: 'livepatch-name',
      severity: 'error',
      what: 'the module is named vmlinux, which the kernel refuses',
    });
  if (!hasSymbols)
    findings.push({
      id: 'KLP209',
      severity: 'error',
      what: 'the module has no symbol table',
      why: 'the kernel looks up the new functions and the KLP symbols in it',
      next: 'strip a livepatch with strip -g at most',
    });
  for (const symbol of commonSymbols)
    findings.push({
      id: 'module-common-symbol',
      severity: 'error',
      what: `${symbol} is a common symbol, which the module loader refuses`,
      next: 'compile with -fno-common',
      at: { symbol },
    });
  return findings;
}

/** The words of a version magic behind the release: what the kernel compares when symbols have versions. */
const flagsOf = (vermagic: string) => vermagic.trim().split(/\s+/).slice(1).join(' ');
const releaseOf = (vermagic: string) => vermagic.trim().split(/\s+/)[0];

function versionRules({ vermagic, versions }: Livepatch, kernel: KernelFacts): Finding[] {
  const findings: Finding[] = [];
  const at = { section: '.modinfo' };
  if (vermagic === undefined)
    findings.push({
      id: 'KLP224',
      severity: 'warning',
      what: 'the module has no version magic',
      why: 'a kernel that allows forced loading takes it with a taint, others refuse it',
      at,
    });
  else if (kernel.vermagic !== undefined && vermagic.trim() !== kernel.vermagic.trim()) {
    // With versions of symbols the kernel passes over the release.
    const isReleaseOnly = kernel.hasVersions === true && flagsOf(vermagic) === flagsOf(kernel.vermagic);
    findings.push({
      id: 'KLP224',
      severity: 'error',
      what: isReleaseOnly
        ? `the livepatch is built for ${releaseOf(vermagic)}, the kernel is ${releaseOf(kernel.vermagic)}`
        : `the version magic is ${JSON.stringify(vermagic.trim())}, the kernel's ${JSON.stringify(kernel.vermagic.trim())}`,
      why: isReleaseOnly
        ? 'the kernel would load it all the same, but its functions were compared with another kernel'
        : 'the module loader refuses it with ENOEXEC',
      next: 'build it for this very kernel',
      at,
    });
  }
  if (!kernel.exported) return findings;
  for (const [symbol, crc] of versions) {
    const found = kernel.exported(symbol);
    if (found?.crc === undefined || found.crc === crc) continue;
    findings.push({
      id: 'KLP224',
      severity: 'error',
      what: `${symbol} has the version 0x${crc.toString(16)} in the livepatch and 0x${found.crc.toString(16)} in the kernel`,
      why: 'its type differs: the module loader refuses the livepatch',
      next: 'build it for this very kernel',
      at: { section: '__versions', symbol },
    });
  }
  return findings;
}

function importRules({ undefinedSymbols, versions }: Livepatch, kernel: KernelFacts): Finding[] {
  const findings: Finding[] = [];
  for (const { name, weak } of undefinedSymbols) {
    const at = { symbol: name };
    if (name.startsWith('.klp.sym.')) {
      findings.push({
        id: 'KLP302',
        severity: 'error',
        what: `${name} is an ordinary undefined symbol`,
        why: weak
          ? 'being weak, it becomes address 0 without a word, and its first use kills the kernel'
          : 'the module loader refuses it: unknown symbol',
        next: 'convert the module: klpkit convert',
        at,
      });
      continue;
    }
    const found = kernel.exported?.(name);
    if (found === null)
      findings.push({
        id: 'KLP301',
        severity: weak ? 'warning' : 'error',
        what: `nothing exports ${name}`,
        why: weak
          ? 'being weak, it becomes address 0 without a word'
          : 'the module loader refuses the livepatch: unknown symbol',
        next: 'refer to it by a KLP relocation, which klpkit convert makes',
        at,
      });
    else if (found && found.owner !== 'vmlinux')
      findings.push({
        id: 'KLP304',
        severity: 'warning',
        what: `${name} is exported by the module ${found.owner}`,
        why: 'the livepatch cannot be loaded without that module',
        next: 'refer to it by a KLP relocation, which klpkit convert makes',
        at,
      });
    if (found && kernel.hasVersions && !versions.has(name))
      findings.push({
        id: 'KLP224',
        severity: 'warning',
        what: `the livepatch has no version for ${name}`,
        why: 'the kernel takes it with a taint, or not at all',
        at: { section: '__versions', symbol: name },
      });
  }
  return findings;
}
