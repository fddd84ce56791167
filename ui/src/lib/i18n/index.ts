import { en, type Catalogue, type Key, type Plural } from './en';
import { es } from './es';

export type { Key } from './en';

type Names<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type NamesOf<K extends Key> = (typeof en)[K] extends string
  ? Names<(typeof en)[K]>
  : (typeof en)[K] extends Plural
    ? Names<(typeof en)[K]['other']> | 'count'
    : never;
type Parameters<K extends Key> = [NamesOf<K>] extends [never] ? [] : [Record<NamesOf<K>, string | number>];

export const CATALOGUES: Readonly<Record<string, Catalogue>> = { en, es };

/** The first of the user's languages that there is a catalogue for, with its region for dates and numbers. */
export function chooseLocale(wanted: readonly string[]): string {
  return wanted.find((tag) => CATALOGUES[languageOf(tag)] !== undefined) ?? 'en';
}

function languageOf(tag: string): string {
  return tag.split('-')[0]?.toLowerCase() ?? '';
}

/** The user's language and region. */
export const locale = chooseLocale(typeof navigator === 'undefined' ? [] : navigator.languages);
/** The language of the texts. */
export const language = languageOf(locale);

const texts: Catalogue = CATALOGUES[language] ?? en;
const plurals = new Intl.PluralRules(locale);
const numbers = new Intl.NumberFormat(locale);

/** A text of the catalogue with its parameters. A plural is chosen by the parameter `count`. */
export function t<K extends Key>(key: K, ...[parameters]: Parameters<K>): string {
  return fill(texts[key], (parameters ?? {}) as Record<string, string | number>);
}

/** Whether a text exists for a word that came from elsewhere. */
export function isKey(key: string): key is Key {
  return Object.hasOwn(en, key);
}

function fill(text: string | Plural, parameters: Record<string, string | number>): string {
  const form =
    typeof text === 'string' ? text : text[plurals.select(Number(parameters['count'])) === 'one' ? 'one' : 'other'];
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? numbers.format(value) : value;
  });
}

/** A number as the user's region writes it. */
export function number(value: number): string {
  return numbers.format(value);
}
