import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Cell } from './types.ts';

/** What a run of a matrix knows of a cell that is still under way. */
export interface CellRow {
  readonly kernel: string;
  readonly fix: string;
  /** The cell as JSON; undefined while nothing is known. */
  readonly cell: Cell | undefined;
  /** Step that it is in: `build`, `prove`; empty when it is at its end. */
  readonly step: string;
  readonly attempts: number;
}

/** A kernel of the last run: enough to plan its cells without it. */
export interface KernelRow {
  readonly id: string;
  readonly release: string;
  readonly sourceVersion?: string;
  /** SHA-256 of the shipped image. */
  readonly image: string;
}

/**
 * The state of a matrix on disk: one row a cell, in SQLite, so that a run that was killed is seen as it stood. Results are in the
 * store; a row can always be made again from them.
 */
export class MatrixState {
  readonly #db: DatabaseSync;
  readonly #enter: StatementSync;
  readonly #write: StatementSync;

  /** @param folder of the matrix's state; made if it is not there */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#db = new DatabaseSync(join(folder, 'matrix.sqlite'));
    this.#db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA busy_timeout = 5000;
      CREATE TABLE IF NOT EXISTS cell (
        kernel TEXT NOT NULL, fix TEXT NOT NULL,
        cell TEXT, step TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (kernel, fix)
      ) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS kernel (id TEXT NOT NULL PRIMARY KEY, head TEXT NOT NULL) WITHOUT ROWID;
    `);
    this.#enter = this.#db.prepare(
      'UPDATE cell SET step = ?, attempts = attempts + 1 WHERE kernel = ? AND fix = ?',
    );
    this.#write = this.#db.prepare("UPDATE cell SET cell = ?, step = '' WHERE kernel = ? AND fix = ?");
  }

  /** Makes the rows of a matrix, and removes those of kernels and cells that it no longer has. */
  begin(kernels: readonly KernelRow[], fixes: readonly string[]): void {
    const cells = kernels.flatMap(({ id }) => fixes.map((fix) => ({ kernel: id, fix })));
    const wanted = new Set(cells.map(({ kernel, fix }) => `${kernel}\0${fix}`));
    this.#db.exec('BEGIN');
    this.#db.exec('DELETE FROM kernel');
    const addKernel = this.#db.prepare('INSERT INTO kernel (id, head) VALUES (?, ?)');
    for (const kernel of kernels) addKernel.run(kernel.id, JSON.stringify(kernel));
    const add = this.#db.prepare('INSERT OR IGNORE INTO cell (kernel, fix) VALUES (?, ?)');
    for (const { kernel, fix } of cells) add.run(kernel, fix);
    const remove = this.#db.prepare('DELETE FROM cell WHERE kernel = ? AND fix = ?');
    for (const { kernel, fix } of this.rows()) if (!wanted.has(`${kernel}\0${fix}`)) remove.run(kernel, fix);
    this.#db.exec('COMMIT');
  }

  /** A job of a cell begins. */
  enter(kernel: string, fix: string, step: string): void {
    this.#enter.run(step, kernel, fix);
  }

  /** What is known of a cell now. */
  write(cell: Cell): void {
    this.#write.run(JSON.stringify(cell), cell.kernel, cell.fix);
  }

  kernels(): KernelRow[] {
    return this.#db
      .prepare('SELECT head FROM kernel ORDER BY id')
      .all()
      .map((row) => JSON.parse(String(row.head)) as KernelRow);
  }

  rows(): CellRow[] {
    return this.#db
      .prepare('SELECT kernel, fix, cell, step, attempts FROM cell ORDER BY kernel, fix')
      .all()
      .map((row) => ({
        kernel: String(row.kernel),
        fix: String(row.fix),
        cell: row.cell === null ? undefined : (JSON.parse(String(row.cell)) as Cell),
        step: String(row.step),
        attempts: Number(row.attempts),
      }));
  }

  close(): void {
    this.#db.close();
  }
}
