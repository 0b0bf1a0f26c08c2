/** What the report and the workbench of the handbook show alike: pure, made once. `behaviour.js` brings it to life. */
export { type Graph, graphOf } from './graph.ts';
export { graphMarkup } from './graph-markup.ts';
export { importTable, infoTable, livepatchTables } from './livepatch-tables.ts';
export { objectTables, pieceCode, sectionTable } from './object-tables.ts';
export * from './page.ts';
export { partsStyle } from './style.ts';
export { searchTable, type Table, tableOf } from './table.ts';
