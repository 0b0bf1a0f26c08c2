/** The page's style sheet. System fonts, two colour schemes, nothing loaded. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #fff; --ink: #1d2126; --soft: #5a646e; --line: #dcdfe3; --accent: #0b5cad;
  --add: #e3f5e6; --addink: #12602b; --del: #fde7e7; --delink: #9b1c1c; --mod: #fff3d1; --modink: #7a5200;
  --src: #eef2f7; --srcink: #35506e; --edit: #d8e7fb; --good: #12602b; --warn: #7a5200; --bad: #9b1c1c;
  --sans: system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1b1f24; --ink: #e4e7ea; --soft: #9aa5b0; --line: #323941; --accent: #79b8ff;
    --add: #14301d; --addink: #8bdca1; --del: #3a1a1c; --delink: #ffa3a3; --mod: #372d10; --modink: #f2cf74;
    --src: #20272f; --srcink: #a9c3e0; --edit: #1d3a5c; --good: #8bdca1; --warn: #f2cf74; --bad: #ffa3a3;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 var(--sans); }
main, header, footer { max-width: 84rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1, h2, h3, h4 { line-height: 1.25; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; margin: 0 0 .25rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h1, h3 code { font-weight: 650; }
p { margin: .4rem 0; }
a { color: var(--accent); }
code, .code { font-family: var(--mono); font-size: .92em; }
.soft { color: var(--soft); }
.good { color: var(--good); } .warning { color: var(--warn); } .error { color: var(--bad); } .note { color: var(--soft); }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; z-index: 1; }
.hide { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.25rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.2; font-weight: 650; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1.25rem; margin: .75rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.badge { display: inline-block; font: 600 .8rem/1.5 var(--sans); padding: 0 .55em; border-radius: 1em; border: 1px solid currentColor; vertical-align: .1em; }
.badge.changed { color: var(--modink); } .badge.new { color: var(--addink); } .badge.removed { color: var(--delink); }
.why { margin: .5rem 0; padding-left: 1.2rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); margin: .75rem 0; }
.scroll:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
caption { text-align: left; padding: .6rem .8rem; color: var(--soft); }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; } thead th { border-top: 0; color: var(--soft); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; white-space: nowrap; }
.asm { table-layout: fixed; min-width: 44rem; font: .82rem/1.5 var(--mono); }
.asm caption { font: .92rem/1.5 var(--sans); }
.asm th, .asm td { border-top: 0; padding: .05rem .5rem; white-space: pre-wrap; }
.asm thead th { font-family: var(--sans); padding: .35rem .5rem; border-bottom: 1px solid var(--line); }
.asm .o { color: var(--soft); text-align: right; white-space: nowrap; }
.asm col.o { width: 4.6rem; } .asm col.m { width: 2rem; }
.asm .m { text-align: center; padding: .05rem 0; }
.asm .del { background: var(--del); color: var(--delink); } .asm .add { background: var(--add); color: var(--addink); }
.asm .mod { background: var(--mod); color: var(--modink); }
.asm .s td { color: var(--srcink); background: var(--src); }
.asm .s td.e { background: var(--edit); font-weight: 600; }
.asm .s small { color: var(--soft); font-size: .94em; font-weight: 400; display: block; margin: .1rem 0 -.15rem; }
.asm .k td { padding: .25rem .5rem; text-align: center; background: var(--page); border-block: 1px solid var(--line); font-family: var(--sans); color: var(--soft); }
button { font: inherit; font-size: .85rem; color: var(--accent); background: none; border: 1px solid var(--line); border-radius: .4rem; padding: .15rem .8rem; cursor: pointer; }
button:hover { border-color: var(--accent); }
.finding { border: 1px solid var(--line); border-left: .3rem solid currentColor; background: var(--card); border-radius: .4rem; padding: .6rem 1rem; margin: .6rem 0; }
.finding > * { color: var(--ink); } .finding > p:first-child { color: inherit; font-weight: 650; }
.names { columns: 14rem; padding: 0; margin: .5rem 0; list-style: none; }
nav ul { columns: 18rem; overflow-wrap: anywhere; padding-left: 1.1rem; margin: .5rem 0; }
footer { padding-block: 2rem; color: var(--soft); font-size: .9rem; }
@media (max-width: 40rem) {
  main, header, footer { padding-inline: .8rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
}
@media print {
  body { background: #fff; font-size: .8rem; }
  .scroll { overflow: visible; border: 0; } .asm { min-width: 0; font-size: .62rem; }
  .asm .del, .asm .add, .asm .mod, .asm .s td { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  button, .skip, nav { display: none; } h2, h3 { break-after: avoid; } tr, .finding { break-inside: avoid; }
}
`;

/** Folds the stretches of equal code; without it they are all open. */
export const script = `
'use strict';
const folds = [...document.querySelectorAll('button[aria-controls]')].map((button) => {
  const part = document.getElementById(button.getAttribute('aria-controls'));
  const what = button.textContent;
  const set = (open) => {
    part.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    button.textContent = (open ? 'Hide ' : 'Show ') + what;
  };
  button.hidden = false;
  button.previousElementSibling.hidden = true;
  button.addEventListener('click', () => set(part.hidden));
  set(false);
  return set;
});
const all = document.getElementById('all');
if (folds.length > 0) {
  let open = false;
  all.hidden = false;
  all.addEventListener('click', () => {
    open = !open;
    for (const set of folds) set(open);
    all.textContent = open ? 'Hide equal code' : 'Show all code';
  });
}
`;
