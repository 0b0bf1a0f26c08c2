import { extractComparison, type SmallKernel } from '../../author/src/extract/testing/pair.ts';
import { assessUnit, type Judgement } from '../src/index.ts';
import { type CaseOptions, unitCase } from './case.ts';

/** {@link unitCase} with what the extraction of the unit says, judged. `kernel` is what the unit is extracted for. */
export async function assessExtraction(
  folder: string,
  kernel: SmallKernel,
  options: CaseOptions = {},
): Promise<Judgement> {
  const unit = await unitCase(folder, options);
  const { extraction } = extractComparison(unit.comparison, kernel);
  return assessUnit({
    ...unit,
    object: kernel.object ?? 'vmlinux',
    found: [...unit.found, ...extraction.findings],
  });
}
