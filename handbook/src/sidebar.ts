import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pitfalls } from '@klpkit/pitfalls';
import { chapters, pitfallGroups, pitfallSlug } from './page-list.ts';

const docs = join(import.meta.dirname, 'content/docs');

/** True for a page that has been written. */
export function isWritten(slug: string): boolean {
  return ['mdx', 'md'].some((ending) => existsSync(join(docs, `${slug}.${ending}`)));
}

interface Group {
  label: string;
  collapsed?: boolean;
  items: ({ label: string; slug: string } | Group)[];
}

/** What Starlight shows at the side: the chapters in learning order, the pitfalls behind the chapter that connects them. */
export function sidebar(): Group[] {
  const groups: Group[] = [];
  for (const { label, pages } of chapters) {
    const items = pages.filter(({ slug }) => isWritten(slug)).map(({ slug, label }) => ({ label, slug }));
    if (items.length > 0) groups.push({ label, items });
    if (label === 'Compiler considerations')
      groups.push({
        label: 'Pitfalls',
        items: [
          { label: 'All pitfalls', slug: 'pitfalls' },
          ...pitfallGroups.map(({ digit, label: group }) => ({
            label: group,
            collapsed: true,
            items: pitfalls
              .filter(({ id }) => id[3] === digit)
              .map(({ id, title }) => ({ label: `${id} ${title}`, slug: pitfallSlug(id) })),
          })),
        ],
      });
  }
  return groups;
}
