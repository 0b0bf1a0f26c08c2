// How code blocks are drawn. A file of its own, and plain JavaScript: the component for code wants to load it by this name.
import { defineEcConfig, definePlugin } from '@astrojs/starlight/expressive-code';
import { setProperty } from '@astrojs/starlight/expressive-code/hast';

/** Longer first lines are cut. */
const longestName = 60;

/** Gives each code block a name of its own, for those who step through the regions of a page by ear. */
function codeNames() {
  return definePlugin({
    name: 'code names',
    hooks: {
      postprocessRenderedBlock({ codeBlock, renderData }) {
        const { groupIndex } = codeBlock.parentDocument?.positionInDocument ?? {};
        const first = codeBlock.code.trim().split('\n')[0];
        const words = first.length > longestName ? `${first.slice(0, longestName)}…` : first;
        const name = groupIndex === undefined ? words : `Block ${groupIndex + 1}: ${words}`;
        const label = (node) => {
          if (node.type !== 'element') return;
          if (node.tagName === 'pre') {
            setProperty(node, 'aria-label', name);
            // What can be scrolled must be reached by the keyboard; a script takes these off blocks that fit.
            setProperty(node, 'tabindex', '0');
            setProperty(node, 'role', 'region');
          }
          for (const child of node.children) label(child);
        };
        label(renderData.blockAst);
      },
    },
  });
}

export default defineEcConfig({
  themes: ['github-dark', 'github-light'],
  styleOverrides: { borderRadius: '0.4rem' },
  plugins: [codeNames()],
});
