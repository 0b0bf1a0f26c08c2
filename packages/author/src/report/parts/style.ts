/**
 * The style of the parts, below an element with the class `parts`. The page gives the colours: `--page`, `--card`, `--ink`, `--soft`, `--line`,
 * `--accent`, pairs of ground and ink for `--add`, `--del`, `--mod` and `--src`, `--edit`, `--hit`, `--good`, `--warn`, `--bad`, and the fonts
 * `--sans` and `--mono`.
 */
export const partsStyle = `
.parts {
  & .soft { color: var(--soft); } & .good { color: var(--good); } & .warning { color: var(--warn); } & .bad { color: var(--bad); }
  & .hide { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  & .facts { display: block; margin: .9rem 0; }
  & .facts > div { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: .75rem; margin: .1rem 0; }
  & .facts dt { color: var(--soft); } & .facts dd { margin: 0; overflow-wrap: anywhere; }
  & .severity { display: inline-block; padding: 0 .55em; border: 1px solid currentcolor; border-radius: 1em; font-weight: 600; font-size: .85em; }
  & .severity.error { color: var(--bad); } & .severity.warning { color: var(--warn); } & .severity.note { color: var(--soft); }
  & .findings { margin: .5rem 0 1rem; padding: 0; list-style: none; }
  & .finding { margin: .6rem 0 0; padding: .5rem .9rem; border: 0; border-inline-start: 4px solid var(--line); border-radius: 0; background: var(--card); color: var(--ink); overflow-wrap: anywhere; }
  & .finding.error { border-color: var(--bad); } & .finding.warning { border-color: var(--warn); }
  & .finding p { margin: .25rem 0; }
  & details { margin-top: .9rem; padding-top: .6rem; border-top: 1px solid var(--line); }
  & summary { cursor: pointer; font-weight: 600; color: var(--ink); overflow-wrap: anywhere; }
  & summary h3 { display: inline; margin: 0; font-size: 1rem; }
  & details p { margin: .4rem 0; }
  & input:is([type="search"], [type="text"]) { width: min(22rem, 100%); padding: .3rem .6rem; border: 1px solid var(--soft); border-radius: .3rem; background: var(--page); color: var(--ink); font: inherit; }
  & .find { margin: .5rem 0; color: var(--soft); }
  & [hidden] { display: none; }
  & .scroll { position: relative; max-height: 36rem; margin: .5rem 0; overflow: auto; border: 1px solid var(--line); border-radius: .4rem; background: var(--card); }
  & :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  & .table table { min-width: 44rem; }
  & .finding .what { font-weight: 600; }
  & table { width: 100%; border-collapse: collapse; font-size: .92rem; }
  & caption { padding: .5rem .8rem; color: var(--soft); text-align: start; }
  & :is(th, td) { padding: .3rem .8rem; border-top: 1px solid var(--line); text-align: start; vertical-align: top; overflow-wrap: break-word; }
  & thead th { position: sticky; top: 0; z-index: 1; border-top: 0; background: var(--card); color: var(--soft); }
  & button.link { display: inline; padding: 0; border: 0; background: none; color: var(--accent); font: inherit; text-align: start; text-decoration: underline; vertical-align: top; overflow-wrap: anywhere; cursor: pointer; }
  & td button.link { overflow-wrap: break-word; }
  & .asm { font: .82rem/1.5 var(--mono); }
  & .asm.pair { table-layout: fixed; min-width: 44rem; }
  & .asm caption, & .asm thead th { font: .92rem/1.5 var(--sans); }
  & .asm :is(th, td) { padding: .05rem .5rem; border-top: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
  & .asm thead th { padding: .35rem .5rem; border-bottom: 1px solid var(--line); }
  & .asm .o { color: var(--soft); text-align: end; white-space: nowrap; }
  & .asm col.o { width: 4.6rem; } & .asm col.m { width: 2rem; }
  & .asm .m { padding: .05rem 0; text-align: center; }
  & .asm .del { background: var(--del); color: var(--delink); } & .asm .add { background: var(--add); color: var(--addink); }
  & .asm .mod { background: var(--mod); color: var(--modink); }
  & .asm .s td { background: var(--src); color: var(--srcink); } & .asm .s td.e { background: var(--edit); font-weight: 600; }
  & .asm .s small { display: block; margin: .1rem 0 -.15rem; color: var(--soft); font-size: .94em; font-weight: 400; }
  & .asm .k td { padding: .25rem .5rem; border-block: 1px solid var(--line); background: var(--page); color: var(--soft); font-family: var(--sans); text-align: center; }
  & .asm .hit td { background: var(--hit); color: var(--ink); }
  & .asm .here { outline: 2px solid var(--accent); outline-offset: -2px; }
  & .graph { padding: .75rem; } & .graph svg { display: block; }
  & .graph text { font: 11px var(--mono); fill: var(--ink); text-anchor: middle; }
  & .graph rect { fill: var(--card); stroke: var(--soft); } & .graph rect.outside { stroke-dasharray: 4 3; }
  & .graph rect.marked { stroke: var(--warn); stroke-width: 2; }
  & .graph .edge { fill: none; stroke: var(--soft); } & .graph .edge.copy { stroke: var(--accent); stroke-dasharray: 5 3; }
  & .graph .head { fill: var(--soft); }
}
@media (max-width: 40rem) {
  .parts .facts > div { grid-template-columns: minmax(0, 1fr); gap: 0; margin-top: .4rem; }
}
@media print {
  .parts .scroll { max-height: none; overflow: visible; border: 0; }
  .parts .asm.pair { min-width: 0; font-size: .62rem; }
  .parts .asm :is(.del, .add, .mod, .s td) { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
