import type { CodeView, TableView } from '../../../packages/author/src/report/parts/index.ts';
import type { Request, Response, View } from './protocol.ts';

/** A request without its number. */
type Ask = Request extends infer One ? (One extends { id: number } ? Omit<One, 'id'> : never) : never;

/** What a file was refused for; `message` is the line to show. */
export class Refused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Refused';
  }
}

/** The worker, asked by calls. A new file ends whatever it is still busy with. */
export class Client {
  readonly #make: () => Worker;
  #worker: Worker;
  #next = 0;
  readonly #waiting = new Map<number, { resolve(answer: Response): void; reject(error: Error): void }>();

  constructor(make: () => Worker) {
    this.#make = make;
    this.#worker = this.#start();
  }

  #start(): Worker {
    const worker = this.#make();
    worker.onmessage = ({ data }: MessageEvent<Response>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ('refused' in data) waiting?.reject(new Refused(data.refused));
      else waiting?.resolve(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#restart(`the worker ended: ${event.message || 'out of memory'}`);
    };
    return worker;
  }

  #restart(why: string): void {
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(new Refused(why));
    this.#waiting.clear();
    this.#worker = this.#start();
  }

  #ask(ask: Ask): Promise<Response> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...ask, id } satisfies Request);
    });
  }

  /**
   * Opens one file or two. A livepatch and a kernel image are held against each other, also when they come one after the other.
   *
   * @throws {Refused}
   */
  async open(files: readonly { name: string; blob: Blob }[]): Promise<{ view: View; milliseconds: number }> {
    if (this.#waiting.size > 0) this.#restart('another file was opened meanwhile');
    return (await this.#ask({ type: 'open', files })) as { view: View; milliseconds: number } & Response;
  }

  /** The livepatch that is open without the kernel that it is held against. @throws {Refused} */
  async letGo(): Promise<{ view: View; milliseconds: number }> {
    return (await this.#ask({ type: 'let-go' })) as { view: View; milliseconds: number } & Response;
  }

  /** Rows of a table that hold the words of a query. @throws {Refused} */
  async search(table: string, query: string): Promise<TableView> {
    const answer = await this.#ask({ type: 'search', table, query });
    return (answer as Response & { table: TableView }).table;
  }

  /** Who calls whom, as markup. @throws {Refused} */
  async graph(): Promise<string> {
    const answer = await this.#ask({ type: 'graph' });
    return (answer as Response & { graph: string }).graph;
  }

  /** The code behind a key of a cell. @throws {Refused} */
  async code(key: string): Promise<CodeView> {
    const answer = await this.#ask({ type: 'code', key });
    return (answer as Response & { code: CodeView }).code;
  }
}
