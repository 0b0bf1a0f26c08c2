import { Client, Refused } from './client.ts';
import { make } from './dom.ts';
import { tooLarge } from './protocol.ts';
import { showCode } from './show-code.ts';
import { showView } from './show-view.ts';

type NamedFile = { readonly name: string; readonly blob: Blob };

/** Brings the workbench of a page to life. */
export function startWorkbench(root: HTMLElement): void {
  const part = (name: string): HTMLElement => {
    const found = root.querySelector<HTMLElement>(`[data-part="${name}"]`);
    if (!found) throw new Error(`the workbench has no ${name}`);
    return found;
  };
  const [drop, status, alert, result] = ['drop', 'status', 'alert', 'result'].map(part);
  const pick = part('pick') as HTMLInputElement;
  const client = new Client(() => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));
  let round = 0;

  const refuse = (message: string) => {
    status.textContent = '';
    alert.textContent = message;
    alert.hidden = false;
    root.dataset.state = 'refused';
  };

  const open = async (files: readonly NamedFile[]) => {
    const mine = ++round;
    const start = performance.now();
    alert.hidden = true;
    if (files.length === 0) return;
    if (files.length > 2) {
      refuse(`${files.length} files are too many: one, or two that are held against each other`);
      return;
    }
    const large = files.map(({ name, blob }) => tooLarge(name, blob.size)).find((why) => why !== undefined);
    if (large !== undefined) {
      refuse(large);
      return;
    }
    const names = files.map(({ name }) => name).join(' and ');
    status.textContent = `reading ${names} …`;
    root.dataset.state = 'busy';
    try {
      const { view, milliseconds } = await client.open(files);
      if (mine !== round) return;
      const title = make('h2', { tabindex: '-1', class: 'opened' }, view.title);
      const code = (key: string) => {
        client.code(key).then(
          (shown) => showCode(root, shown),
          (error: unknown) => refuse(lineOf(error)),
        );
      };
      const search = (table: string, query: string) => client.search(table, query);
      result.replaceChildren(
        title,
        more(files),
        ...showView(view, { search, code, graph: () => client.graph() }),
      );
      status.textContent = `${names}: read in ${Math.round(milliseconds)} ms`;
      root.dataset.state = 'shown';
      root.dataset.milliseconds = String(Math.round(performance.now() - start));
      title.focus({ preventScroll: true });
      title.scrollIntoView({ block: 'start' });
    } catch (error) {
      if (mine === round) refuse(lineOf(error));
    }
  };

  /** Below the title: hold another file against this one, or turn the two round. */
  const more = (files: readonly NamedFile[]): HTMLElement => {
    if (files.length === 2) {
      const swap = make('button', { type: 'button' }, 'Turn the two round');
      swap.addEventListener('click', () => open([...files].reverse()));
      return make('p', { class: 'more' }, swap);
    }
    const second = make('input', { type: 'file', class: 'sr-only' });
    second.addEventListener('change', () => {
      open([...files, ...named(second.files)]);
    });
    return make(
      'p',
      { class: 'more' },
      make('label', { class: 'button' }, 'Hold a second file against it…', second),
    );
  };

  pick.addEventListener('change', () => {
    open(named(pick.files));
    // The same file may be picked again, changed meanwhile.
    pick.value = '';
  });
  for (const type of ['dragover', 'dragenter'])
    root.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  root.addEventListener('dragleave', () => drop.classList.remove('over'));
  root.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    open(named(event.dataTransfer?.files));
  });
  for (const button of root.querySelectorAll<HTMLButtonElement>('[data-example]'))
    button.addEventListener('click', async () => {
      try {
        const names = (button.dataset.example ?? '').split(' ');
        open(
          await Promise.all(
            names.map(async (name) => {
              const answer = await fetch(`/examples/${name}`);
              if (!answer.ok) throw new Refused(`${name}: the example is not part of this site`);
              return { name, blob: await answer.blob() };
            }),
          ),
        );
      } catch (error) {
        refuse(lineOf(error));
      }
    });
  root.dataset.state = 'ready';
}

function named(files: FileList | null | undefined): NamedFile[] {
  return [...(files ?? [])].map((blob) => ({ name: blob.name, blob }));
}

function lineOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
