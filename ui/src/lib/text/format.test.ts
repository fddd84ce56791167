import { describe, expect, it } from 'vitest';
import { format, withRealHosts, type Piece } from './format';

/** Pieces as a short text: `<b>…</b>` and so on. */
function shown(pieces: Piece[]): string {
  return pieces
    .map((piece) => {
      if (piece.style === 'text') return piece.text;
      if (piece.style === 'code') return `<code>${piece.text}</code>`;
      return `<${piece.style}>${shown(piece.pieces)}</${piece.style}>`;
    })
    .join('');
}

describe("WhatsApp's formatting", () => {
  it.each([
    ['plain', 'plain'],
    ['a *bold* word', 'a <bold>bold</bold> word'],
    ['_italic_ and ~struck~', '<italic>italic</italic> and <strike>struck</strike>'],
    ['*_both_*', '<bold><italic>both</italic></bold>'],
    ['*bold, then _both_*', '<bold>bold, then <italic>both</italic></bold>'],
    ['(*in brackets*)', '(<bold>in brackets</bold>)'],
    ['```a *b*\n_c_```', '<code>a *b*\n_c_</code>'],
    ['run `npm test` now', 'run <code>npm test</code> now'],
    ['*¡Perfecto!*', '<bold>¡Perfecto!</bold>'],
    ['😀*bold*😀', '😀<bold>bold</bold>😀'],
  ])('%j is drawn as %j', (text, drawn) => {
    expect(shown(format(text))).toBe(drawn);
  });

  it.each([
    '2*3*4',
    'snake_case_name',
    '* not a style *',
    '*no end',
    'no start*',
    '*over\nlines*',
    '**',
    '***',
    '_ _',
    '```',
    '``````',
    '`over\nlines`',
    'a ~ b ~ c',
  ])('%j stays as it was written', (text) => {
    expect(shown(format(text))).toBe(text);
  });

  it('takes a style that crosses another for text', () => {
    expect(shown(format('*a _b* c_'))).toBe('<bold>a _b</bold> c_');
  });

  it('never makes up, loses or reorders a character', () => {
    for (const text of ['*a*_b_~c~', '*a _b ~c* d_ e~', '_*~x~*_', '*a*\n_b', '``` `x` ```', '*_~*_~a~_*~_*']) {
      const letters = shown(format(text))
        .replace(/<[^>]*>/g, '')
        .replace(/[*_~`]/g, '');
      expect(letters).toBe(text.replace(/[*_~`]/g, ''));
    }
  });

  it('knows no markup', () => {
    expect(format('<img src=x onerror=alert(1)>')).toEqual([{ style: 'text', text: '<img src=x onerror=alert(1)>' }]);
  });

  it('nests no deeper than there are styles, whatever is written', () => {
    const depth = (pieces: Piece[]): number =>
      Math.max(0, ...pieces.map((piece) => ('pieces' in piece ? 1 + depth(piece.pieces) : 0)));
    expect(depth(format(`${' *_~'.repeat(2_000)}x${'~_* '.repeat(2_000)}`))).toBeLessThanOrEqual(3);
  });
});

describe('a link', () => {
  it('shows its real host where that is not what is written', () => {
    expect(withRealHosts('https://bank.example@evil.example/a')).toBe(
      'https://bank.example@evil.example/a (evil.example)',
    );
    expect(withRealHosts('see https://аррӏе.example/x')).toMatch(/\(xn--[a-z0-9-]+\.example\)$/);
  });

  it('stays as it is where it is honest', () => {
    for (const text of [
      'https://desk.example/a?b#c',
      'HTTPS://Desk.Example',
      'http://localhost:8080/x',
      'https://x.example.',
      'https://',
    ]) {
      expect(withRealHosts(text)).toBe(text);
    }
  });
});
