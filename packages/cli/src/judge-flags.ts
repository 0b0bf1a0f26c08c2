import { UsageError } from '@klpkit/findings';

/** Flags of the commands that judge: `assess` and `check`. */
export interface JudgeFlags {
  readonly policy?: string;
  readonly sarif?: string;
  readonly maxWarnings?: number;
}

/** Their descriptions. */
export const judgeFlags = {
  policy: {
    kind: 'parsed',
    parse: String,
    brief: 'Levels and answered findings; else klpkit.toml next to the file or here',
    placeholder: 'FILE.toml',
    optional: true,
  },
  sarif: {
    kind: 'parsed',
    parse: String,
    brief: 'Write the findings as SARIF 2.1.0 as well',
    placeholder: 'FILE.sarif',
    optional: true,
  },
  maxWarnings: {
    kind: 'parsed',
    parse: parseWarnings,
    brief: 'End with code 1 when there are more warnings than this',
    placeholder: 'N',
    optional: true,
  },
} as const;

function parseWarnings(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new UsageError(`${text} is no number of warnings`);
  return Number(text);
}
