import { defineCollection } from 'astro:content';
import { docsLoader } from '@astrojs/starlight/loaders';
import { docsSchema } from '@astrojs/starlight/schema';
import type { Loader } from 'astro/loaders';
import { z } from 'astro/zod';
import { pitfallPages } from './pitfall-pages.ts';

/** Both loaders fill one store, and each removes what it does not know: what the first had put there is put back. */
const pages: Loader = {
  name: 'pages-and-pitfalls',
  async load(context) {
    await docsLoader().load(context);
    const own = context.store.entries();
    await pitfallPages().load(context);
    for (const [id, entry] of own) if (!context.store.has(id)) context.store.set(entry as never);
  },
};

export const collections = {
  docs: defineCollection({
    loader: pages,
    schema: docsSchema({
      extend: z.object({
        /** Who the page is for, as the end of "For …". */
        for: z.string().optional(),
        /** What the reader can do afterwards, as the end of "Afterwards you can …". */
        afterwards: z.string().optional(),
        /** Number of the pitfall; only on the pages that lie beside their detectors. */
        pitfall: z.string().optional(),
      }),
    }),
  }),
};
