import { describe, expect, it } from 'vitest';
import { meaning, type Press, type Situation } from './keys';

const press = (key: string, more: Partial<Press> = {}): Press => ({
  key,
  code: /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : '',
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  isComposing: false,
  ...more,
});
const idle: Situation = { typing: false, afterG: false, singles: true, mac: false };

describe('a key', () => {
  it.each([
    ['j', 'next'],
    ['k', 'previous'],
    ['r', 'reply'],
    ['c', 'claim'],
    ['e', 'resolve'],
    ['v', 'switcher'],
    ['?', 'shortcuts'],
    ['Escape', 'back'],
  ])('%s means %s outside text', (key, action) => {
    expect(meaning(press(key), idle)).toBe(action);
  });

  it('that is a single letter means nothing while somebody types', () => {
    for (const key of ['j', 'k', 'r', 'c', 'e', 'v', 'g', '?']) {
      expect(meaning(press(key), { ...idle, typing: true })).toBeNull();
    }
  });

  it('that is a single letter means nothing where they are switched off', () => {
    expect(meaning(press('e'), { ...idle, singles: false })).toBeNull();
    expect(meaning(press('?'), { ...idle, singles: false })).toBe('shortcuts');
  });

  it('goes to a view after G, and only after it', () => {
    expect(meaning(press('g'), idle)).toBe('g');
    expect(meaning(press('u'), { ...idle, afterG: true })).toBe('view_unassigned');
    expect(meaning(press('u'), idle)).toBeNull();
  });

  it('reopens with shift and resolves without', () => {
    expect(meaning(press('E', { shiftKey: true }), idle)).toBe('reopen');
  });

  it('sends with control, with the command key on a Mac, also while typing', () => {
    const typing = { ...idle, typing: true };
    expect(meaning(press('Enter', { ctrlKey: true }), typing)).toBe('send');
    expect(meaning(press('Enter', { metaKey: true }), typing)).toBeNull();
    expect(meaning(press('Enter', { metaKey: true }), { ...typing, mac: true })).toBe('send');
    expect(meaning(press('Enter'), typing)).toBeNull();
  });

  it('works by its place on a keyboard of another script', () => {
    expect(meaning(press('о', { code: 'KeyJ' }), idle)).toBe('next');
  });

  it('does nothing while it types a Polish letter or composes a character', () => {
    expect(meaning(press('ę', { code: 'KeyE', ctrlKey: true, altKey: true }), idle)).toBeNull();
    expect(meaning(press('ę', { code: 'KeyE' }), idle)).toBeNull();
    expect(meaning(press('e', { isComposing: true }), idle)).toBeNull();
  });
});
