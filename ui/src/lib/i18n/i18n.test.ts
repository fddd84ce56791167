import { describe, expect, it } from 'vitest';
import { CATALOGUES, chooseLocale, t } from '.';
import { clockTime, dayTitle, duration, listTime } from './dates';
import { en, type Plural } from './en';
import { errorWords, failureWords, kindWord } from './errors';

const forms = (text: string | Plural): string[] => (typeof text === 'string' ? [text] : [text.one, text.other]);
const names = (text: string | Plural): string[] =>
  [...new Set(forms(text).flatMap((form) => [...form.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')))].sort();

describe.each(Object.entries(CATALOGUES))('the catalogue %s', (_, catalogue) => {
  it('has every key and no other', () => {
    expect(Object.keys(catalogue).sort()).toEqual(Object.keys(en).sort());
  });

  it.each(Object.keys(en) as (keyof typeof en)[])('says %s with the same parameters, and says something', (key) => {
    expect(names(catalogue[key])).toEqual(names(en[key]));
    expect(typeof catalogue[key]).toBe(typeof en[key]);
    for (const form of forms(catalogue[key])) expect(form.trim()).not.toBe('');
  });

  it('does not shout, beg or excuse itself', () => {
    const text = Object.values(catalogue)
      .flatMap((entry: string | Plural) => forms(entry))
      .join('\n');
    expect(text).not.toMatch(/!|¡|\bplease\b|\boops\b|por favor/i);
  });

  it('has no parameter in a text that is chosen by a code', () => {
    for (const [key, text] of Object.entries(catalogue)) {
      if (/^(problem\..*\.(title|body)|failure\..*|kind\..*|role\..*)$/.test(key)) expect(names(text)).toEqual([]);
    }
  });
});

describe('the language', () => {
  it('is the first of the wishes that there is', () => {
    expect(chooseLocale(['fr-FR', 'es-MX', 'en-US'])).toBe('es-MX');
    expect(chooseLocale(['fr-FR'])).toBe('en');
    expect(chooseLocale([])).toBe('en');
  });
});

describe('a text', () => {
  it('takes its parameters, and its plural by the count', () => {
    expect(t('thread.jump', { count: 1 })).toBe('1 new message');
    expect(t('thread.jump', { count: 1_200 })).toBe('1,200 new messages');
    expect(t('row.you', { text: 'a {count} b' })).toBe('You: a {count} b');
  });
});

describe('every code', () => {
  it.each([
    'bad_request',
    'signed_out',
    'wrong_credentials',
    'too_many_attempts',
    'bad_backend_address',
    'unreachable',
    'certificate',
    'not_a_backend',
    'update_needed',
    'backend_busy',
    'no_keychain',
    'keychain_locked',
    'keychain_timeout',
    'key_gone',
    'not_found',
    'empty_text',
    'text_too_long',
    'window_closed',
    'wrong_state',
    'already_running',
    'storage',
    'internal',
  ] as const)('%s has words of its own', (code) => {
    expect(Object.keys(en)).toContain(`problem.${code}.title`);
    expect(errorWords({ code, retry_after_ms: null }).body).not.toBe('');
  });

  it.each([
    ...['window_closed', 'undeliverable', 'account_disconnected', 'account_restricted'],
    ...['rate_limited', 'opted_out', 'refused', 'unavailable'],
    ...['not_found', 'forbidden', 'bad_command', 'command_id_reused', 'context_changed', 'taken_by_other', 'erased'],
  ])('%s of a message that was not sent has words of its own', (code) => {
    expect(failureWords(code)).not.toBe(failureWords('other'));
  });

  it('says when to try again where that is known', () => {
    expect(errorWords({ code: 'too_many_attempts', retry_after_ms: 15 * 60_000 }).body).toBe(
      'You can try again in 15m.',
    );
  });

  it('that is not known has words too', () => {
    expect(failureWords('from_tomorrow')).toBe('the backend refused it.');
    expect(kindWord('hologram')).toBe('Unsupported message');
  });
});

describe('a time', () => {
  const now = new Date(2026, 10, 18, 16, 0).getTime();
  const hour = 3_600_000;

  it.each([
    [now - 20_000, 'now'],
    [now - 9 * 60_000, '9m'],
    [now - 2.5 * hour, '2h'],
    [now - 30 * hour, 'Tue'],
  ])('in a list is short', (at, shown) => {
    expect(listTime(at, now)).toBe(shown);
  });

  it('of a day has its name', () => {
    expect(dayTitle(now - hour, now)).toBe('Today');
    expect(dayTitle(now - 20 * hour, now)).toBe('Yesterday');
    expect(dayTitle(new Date(2026, 10, 16, 9, 0).getTime(), now)).toMatch(/Monday/);
  });

  it('of the clock has two digits each', () => {
    expect(clockTime(new Date(2026, 10, 18, 9, 5).getTime())).toBe('09:05');
    expect(clockTime(new Date(2026, 10, 18, 0, 5).getTime())).toBe('00:05');
  });

  it('that is left is told in its two largest units', () => {
    expect(duration(2 * hour + 10 * 60_000)).toBe('2h 10m');
    expect(duration(48 * 60_000 + 5_000)).toBe('48m');
    expect(duration(4_200)).toBe('5s');
  });
});
