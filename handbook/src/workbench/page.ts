import { Client, Refused } from './client.ts';
import { tooLarge, type View } from './protocol.ts';
import { showCode, showView } from './show.ts';

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
    await show(files, names, mine, start, () => client.open(files));
  };

  /** Shows what the worker answers, unless something else was asked for meanwhile. */
  const show = async (
    files: readonly NamedFile[],
    names: string,
    mine: number,
    start: number,
    ask: () => Promise<{ view: View; milliseconds: number }>,
  ) => {
    try {
      const { view, milliseconds } = await ask();
      if (mine !== round) return;
      const title = document.createElement('h2');
      title.tabIndex = -1;
      title.className = 'opened';
      title.textContent = view.title;
      result.replaceChildren(title, more(files, view), showView(view, client));
      status.textContent = `${names}: read in ${Math.round(milliseconds)} ms`;
      root.dataset.state = 'shown';
      root.dataset.milliseconds = String(Math.round(performance.now() - start));
      title.focus({ preventScroll: true });
      title.scrollIntoView({ block: 'start' });
    } catch (error) {
      if (mine === round) refuse(lineOf(error));
    }
  };

  /** Below the title: hold another file against this one, turn the two round, or let the kernel go. */
  const more = (files: readonly NamedFile[], { kind, heldAgainst }: View): HTMLElement => {
    const line = document.createElement('p');
    line.className = 'more';
    const button = (text: string, press: () => void) => {
      const one = document.createElement('button');
      one.type = 'button';
      one.textContent = text;
      one.addEventListener('click', press);
      line.append(one);
    };
    if (heldAgainst !== undefined) {
      button(`Without ${heldAgainst}`, () => {
        const name = 'the livepatch alone';
        show([], name, ++round, performance.now(), () => client.letGo());
      });
    } else if (files.length === 2) button('Turn the two round', () => open([...files].reverse()));
    else if (files.length === 1) {
      const label = document.createElement('label');
      label.className = 'button';
      const second = document.createElement('input');
      second.type = 'file';
      second.className = 'sr-only';
      second.addEventListener('change', () => {
        open([...files, ...named(second.files)]);
      });
      label.append(
        kind === 'kernel' ? 'Hold a livepatch against it…' : 'Hold a second file against it…',
        second,
      );
      line.append(label);
    }
    return line;
  };

  result.addEventListener('click', ({ target }) => {
    const key = target instanceof Element && target.closest<HTMLElement>('[data-code]')?.dataset.code;
    if (typeof key !== 'string') return;
    client.code(key).then(
      (shown) => showCode(root, shown),
      (error: unknown) => refuse(lineOf(error)),
    );
  });
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
