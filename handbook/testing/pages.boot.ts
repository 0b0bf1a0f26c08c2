import { testPages } from './page-tests.ts';

await testPages('boot');
