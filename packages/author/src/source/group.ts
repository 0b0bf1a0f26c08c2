/** A conditional of the source, written when something in it is. */
export class Group {
  readonly #pending: string[];
  #isOpen = false;
  isEmpty = true;
  /** The branch has code that this configuration leaves out. */
  hasInactive = false;

  constructor(directive: string) {
    this.#pending = [directive];
  }

  open(out: string[]): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    out.push('', ...this.#pending);
  }

  turn(out: string[], directive: string): void {
    const lines = [...(this.isEmpty && this.hasInactive ? [untaken] : []), directive];
    if (this.#isOpen) out.push(...lines);
    else this.#pending.push(...lines);
    this.isEmpty = true;
    this.hasInactive = false;
  }

  close(out: string[], directive: string): void {
    if (!this.#isOpen) return;
    if (this.isEmpty && this.hasInactive) out.push(untaken);
    out.push(directive, '');
  }
}

const untaken = '#error "this branch was not taken in the configuration that the livepatch was made for"';
