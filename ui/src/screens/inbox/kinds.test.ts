import { describe, expect, it } from 'vitest';
import { fileWord, kindIcon } from './kinds';
import { windowAt } from './window';

describe('a file', () => {
  it('is called by the end of its name, or by its type', () => {
    expect(fileWord('ficha.pdf', 'application/octet-stream')).toBe('PDF');
    expect(fileWord(null, 'image/jpeg')).toBe('JPEG');
    expect(fileWord('no ending', 'audio/ogg; codecs=opus')).toBe('OGG');
    expect(fileWord(null, 'application/vnd.openxmlformats-officedocument')).toBe('');
    expect(fileWord(null, null)).toBe('');
  });

  it('has an icon, and so has what nobody knows yet', () => {
    expect(kindIcon('image')).toBe('image');
    expect(kindIcon('text')).toBeNull();
    expect(kindIcon('hologram')).toBe('alert');
  });
});

describe('the 24-hour window', () => {
  it('closes while one looks at it', () => {
    expect(windowAt({ state: 'open', until: 100 }, 40)).toEqual({ state: 'open', left: 60 });
    expect(windowAt({ state: 'open', until: 100 }, 100)).toEqual({ state: 'closed', since: 100 });
    expect(windowAt({ state: 'closed', since: null }, 5)).toEqual({ state: 'closed', since: null });
  });
});
