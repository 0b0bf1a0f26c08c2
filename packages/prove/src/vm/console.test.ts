import { expect, it } from 'vitest';
import { boundedText, plain } from './console.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

it('keeps the beginning and the end of a flood, and says how much is missing', () => {
  const text = boundedText(100);
  text.push(bytes(`begin${'x'.repeat(95)}`));
  for (let i = 0; i < 50; i++) text.push(bytes('y'.repeat(100)));
  text.push(bytes('end'));
  const all = text.all();
  expect(all).toMatch(/^begin/);
  expect(all).toMatch(/end$/);
  expect(all).toMatch(/\[\d+ characters left out\]/);
  expect(all.length).toBeLessThan(400);
  expect(text.tail()).toMatch(/end$/);
});

it('leaves nothing out of what fits', () => {
  const text = boundedText(100);
  text.push(bytes('a\r\nb'));
  expect([text.all(), text.tail()]).toEqual(['a\nb', 'a\nb']);
});

it('joins characters that were cut between chunks', () => {
  const text = boundedText();
  const [first, ...rest] = bytes('é');
  text.push(Uint8Array.of(first ?? 0));
  text.push(Uint8Array.from(rest));
  expect(text.all()).toBe('é');
});

it('takes terminal escapes and control characters out', () => {
  expect(plain('\x1b[31mred\x1b[0m\x07 \x00\tt\n')).toBe('red \tt\n');
});
