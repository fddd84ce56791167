import { describe, expect, it } from 'vitest';
import { characterCount, FOLD_CHARACTERS, folded, givenName, initials, oneLine, plain } from './plain';

describe('foreign text', () => {
  it('cannot turn the direction of what is written', () => {
    expect(plain('invoice\u202Efdp.exe')).toBe('invoicefdp.exe');
    expect(plain('\u2067abc\u2069')).toBe('abc');
  });

  it('keeps the marks that right-to-left text needs, line breaks and emoji', () => {
    const text = 'שלום\u200F!\n👩‍👩‍👧';
    expect(plain(text)).toBe(text);
  });

  it('loses control characters', () => {
    expect(plain('a\u0000b\u001Bc\r\nd')).toBe('abc\nd');
  });

  it('stands on one line in a list', () => {
    expect(oneLine('  one\n\n two ')).toBe('one two');
  });
});

describe('a long text', () => {
  it('is folded, and a short one is not', () => {
    expect(folded('short')).toBeNull();
    expect(folded('x'.repeat(FOLD_CHARACTERS))).toBeNull();
    expect(folded('x'.repeat(FOLD_CHARACTERS + 1))).toHaveLength(FOLD_CHARACTERS + 1);
  });

  it('is folded by its lines too', () => {
    expect(folded('x\n'.repeat(500))?.split('\n')).toHaveLength(24);
  });

  it('is not cut within an emoji', () => {
    const text = 'x'.repeat(FOLD_CHARACTERS - 1) + '😀 and more';
    expect(folded(text)).toBe('x'.repeat(FOLD_CHARACTERS - 1) + '…');
  });

  it('is counted in characters', () => {
    expect(characterCount('a😀é')).toBe(3);
  });
});

describe('a name', () => {
  it('gives initials', () => {
    expect(initials('Lucía Ferrán')).toBe('LF');
    expect(initials('Joanne Pickering-Alderton')).toBe('JP');
    expect(initials('Cher')).toBe('C');
    expect(initials('')).toBe('#');
  });

  it('gives what to address somebody by', () => {
    expect(givenName('Lucía Ferrán')).toBe('Lucía');
  });
});
