import { pitfallOf } from '@klpkit/pitfalls';
import { glob, type Loader } from 'astro/loaders';
import type { Plugin } from 'vite';
import { pitfallSlug } from './page-list.ts';

const folderPattern = /\/(KLP\d{3})-[^/]*\/page\.mdx$/;

/**
 * The pitfalls' pages, which lie beside their detectors, as pages of the site. Title and description are the rule's own.
 */
export function pitfallPages(): Loader {
  const files = glob({
    base: '../packages/pitfalls',
    pattern: '*/page.mdx',
    generateId: ({ entry }) => pitfallSlug(entry.slice(0, 'KLP102'.length)),
  });
  return {
    name: 'pitfall-pages',
    load: (context) =>
      files.load({
        ...context,
        parseData: (props) => {
          const id = props.id.slice('pitfalls/'.length).toUpperCase();
          const pitfall = pitfallOf(id);
          if (!pitfall) throw new Error(`${props.id} has a page and no rule`);
          const head = { title: `${id} ${pitfall.title}`, description: pitfall.statement, pitfall: id };
          return context.parseData({ ...props, data: { ...props.data, ...head } });
        },
      }),
  };
}

/**
 * Makes a pitfall's page, which is plain Markdown for the terminal as well, fit for the site: without its heading, which the site's
 * own title replaces, and with braces outside of code that mean themselves.
 */
export function plainPitfallPages(): Plugin {
  return {
    name: 'plain-pitfall-pages',
    enforce: 'pre',
    transform(code, id) {
      if (!folderPattern.test(id)) return undefined;
      return { code: withPlainBraces(code.replace(/^# .*\n+/, '')), map: null };
    },
  };
}

function withPlainBraces(page: string): string {
  let isCode = false;
  const lines = page.split('\n').map((line) => {
    if (line.startsWith('```')) {
      isCode = !isCode;
      return line;
    }
    if (isCode) return line;
    return line
      .split(/(`[^`]*`)/)
      .map((part) => (part.startsWith('`') ? part : part.replace(/[{}]/g, (brace) => `\\${brace}`)))
      .join('');
  });
  return lines.join('\n');
}
