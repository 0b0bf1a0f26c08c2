import starlight from '@astrojs/starlight';
import { defineConfig } from 'astro/config';
import { registration } from './offline.ts';
import { plainPitfallPages } from './src/pitfall-pages.ts';
import { sidebar } from './src/sidebar.ts';
import { icedForBrowsers } from './vite-iced.ts';

export default defineConfig({
  // Everything comes from this machine: no fonts, no images, no counters of others.
  devToolbar: { enabled: false },
  vite: {
    plugins: [plainPitfallPages(), icedForBrowsers()],
    worker: { format: 'es', plugins: () => [icedForBrowsers()] },
    build: { target: 'es2022' },
  },
  integrations: [
    starlight({
      title: 'klpkit handbook',
      description:
        'Livepatching the Linux kernel: from a fix to a proven livepatch, and what can go wrong on the way.',
      favicon: '/favicon.svg',
      head: [{ tag: 'script', content: registration }],
      sidebar: sidebar(),
      customCss: ['./src/styles/handbook.css'],
      components: {
        MarkdownContent: './src/components/MarkdownContent.astro',
        Search: './src/components/Search.astro',
      },
      tableOfContents: { minHeadingLevel: 2, maxHeadingLevel: 3 },
      lastUpdated: false,
      credits: false,
    }),
  ],
});
