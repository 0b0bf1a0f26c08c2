/** The style of a page of ours. System fonts, two colour schemes, nothing loaded. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #fff; --ink: #1d2126; --soft: #5a646e; --line: #dcdfe3; --accent: #0b5cad;
  --add: #e3f5e6; --addink: #12602b; --del: #fde7e7; --delink: #9b1c1c; --mod: #fff3d1; --modink: #7a5200;
  --src: #eef2f7; --srcink: #35506e; --edit: #d8e7fb; --hit: #cfe3f7; --good: #12602b; --warn: #7a5200; --bad: #9b1c1c;
  --sans: system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1b1f24; --ink: #e4e7ea; --soft: #9aa5b0; --line: #323941; --accent: #79b8ff;
    --add: #14301d; --addink: #8bdca1; --del: #3a1a1c; --delink: #ffa3a3; --mod: #372d10; --modink: #f2cf74;
    --src: #20272f; --srcink: #a9c3e0; --edit: #1d3a5c; --hit: #23456b; --good: #8bdca1; --warn: #f2cf74; --bad: #ffa3a3;
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
  .scroll { overflow: visible; border: 0; }
  button, .skip, nav { display: none; } h2, h3 { break-after: avoid; } tr, .finding { break-inside: avoid; }
}
`;
