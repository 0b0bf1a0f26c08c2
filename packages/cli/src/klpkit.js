#!/usr/bin/env node
import './start.js';

await import('./bin.ts');
