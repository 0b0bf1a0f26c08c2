/** Exit codes of the command; scripts rely on them. */
export const Exit = {
  done: 0,
  /** Findings of severity error, a refused build, a failed proof. */
  findings: 1,
  /** Wrong usage, or a file that is not what it should be. */
  usage: 2,
  /** The machine lacks something: a program, space, a package source. */
  environment: 3,
  /** There was nothing to do: the fix changes no code that this kernel has. */
  nothing: 4,
  /** A defect of klpkit itself. */
  defect: 70,
  /** 128 + SIGINT. */
  interrupted: 130,
} as const;

/** One of {@link Exit}'s codes. */
export type ExitCode = (typeof Exit)[keyof typeof Exit];
