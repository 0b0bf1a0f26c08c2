// What makes the parts of a page work: folds of equal code, finding in code, searching in tables. Plain JavaScript, since the report holds this
// very text; without it everything is shown and nothing can be searched.

/**
 * Brings the parts below an element to life.
 *
 * @param {ParentNode} root
 * @param {(table: string, query: string) => Promise<{ rows: string, shown: string } | undefined>} [search] gives the rows of a table that
 *   hold the words of a query, as markup of ours; without it the rows that are there are shown and hidden
 */
export function liven(root, search) {
  for (const button of root.querySelectorAll('button[aria-controls]')) fold(button);
  for (const bar of root.querySelectorAll('.find')) find(bar);
  for (const input of root.querySelectorAll('input[data-search]')) searchable(input, search);
}

/** Folds a stretch of equal code. */
function fold(button) {
  const part = button.closest('table').querySelector(`#${CSS.escape(button.getAttribute('aria-controls'))}`);
  const what = button.textContent;
  button.hidden = false;
  button.previousElementSibling.hidden = true;
  button.addEventListener('click', () => setFold(button, part, what, part.hidden));
  part.addEventListener('unfold', () => setFold(button, part, what, true));
  part.addEventListener('fold', () => setFold(button, part, what, false));
  setFold(button, part, what, false);
}

function setFold(button, part, what, isOpen) {
  part.hidden = !isOpen;
  button.setAttribute('aria-expanded', String(isOpen));
  button.textContent = `${isOpen ? 'Hide' : 'Show'} ${what}`;
}

/** Finds words in the code below a bar: Enter goes on to the next place, and folds open on the way. */
function find(bar) {
  const input = bar.querySelector('input');
  const found = bar.querySelector('.found');
  const scroll = bar.nextElementSibling;
  const lines = [...scroll.querySelectorAll('tbody:not(.k) > tr')].map((row) => ({
    row,
    // The marks in the middle are words as well for those who listen: "removed" has "mov" in it.
    text: [...row.cells].map((cell) => (cell.matches('.m') ? '' : cell.textContent.toLowerCase())).join('\n'),
  }));
  let last = -1;
  const go = (isNext) => {
    const wanted = input.value.toLowerCase();
    for (const { row } of lines) row.classList.remove('hit', 'here');
    if (wanted === '') {
      found.textContent = '';
      last = -1;
      return;
    }
    const hits = lines.flatMap(({ text }, index) => (text.includes(wanted) ? [index] : []));
    for (const index of hits) lines[index].row.classList.add('hit');
    const at = isNext ? hits.find((index) => index > last) : hits[0];
    last = at ?? hits[0] ?? -1;
    found.textContent = hits.length === 0 ? 'not found' : `${hits.indexOf(last) + 1} of ${hits.length}`;
    if (last < 0) return;
    const { row } = lines[last];
    row.parentElement.dispatchEvent(new Event('unfold'));
    row.classList.add('here');
    row.scrollIntoView({ block: isNext ? 'center' : 'nearest', inline: 'start' });
  };
  bar.hidden = false;
  input.addEventListener('input', () => go(false));
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    go(true);
  });
}

/** Searches in a table: every word must be in the row. */
function searchable(input, search) {
  const details = input.closest('details');
  const body = details.querySelector('tbody');
  const shown = details.querySelector('.shown');
  let asked = 0;
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    let count = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) count++;
    }
    shown.textContent = count < body.rows.length ? `${count} of ${body.rows.length} found` : '';
  };
  input.closest('.search').hidden = false;
  input.addEventListener('input', async () => {
    if (!search) {
      filter();
      return;
    }
    const mine = ++asked;
    const answer = await search(input.dataset.search, input.value);
    // An answer that comes after a later question is old.
    if (!answer || mine !== asked) return;
    body.innerHTML = answer.rows;
    shown.textContent = answer.shown;
  });
}
