// Embeddings, overrides and isolates turn the direction of what follows them: a file name or a link could read as
// something else. Marks (U+200E, U+200F, U+061C) only help a neighbour and stay.
const BIDI_CONTROLS = /[\u202A-\u202E\u2066-\u2069]/g;
// Tabs and line breaks stay.
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;

/** Foreign text without characters that act on the text around them. */
export function plain(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(BIDI_CONTROLS, '').replace(CONTROL_CHARACTERS, '');
}

/** The same on one line, for lists and titles. */
export function oneLine(text: string): string {
  return plain(text).replace(/\s+/g, ' ').trim();
}

/** Longest text that is shown at once, in characters. */
export const FOLD_CHARACTERS = 1_200;
/** Most lines that are shown at once. */
export const FOLD_LINES = 24;

/** What is shown of a text before somebody asks for all of it, or null where that is everything. */
export function folded(text: string): string | null {
  let end = Math.min(text.length, FOLD_CHARACTERS);
  let line = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) {
    line += 1;
    if (line === FOLD_LINES) end = at;
  }
  if (end === text.length) return null;
  // Never cut a character that is written as two units.
  const unit = text.charCodeAt(end - 1);
  if (unit >= 0xd800 && unit <= 0xdbff) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}

/** Length of a text as WhatsApp counts it, in characters rather than UTF-16 units. */
export function characterCount(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Initials for an avatar. */
export function initials(name: string): string {
  const words = oneLine(name).split(' ').filter(Boolean);
  const first = words[0];
  if (first === undefined) return '#';
  const last = words.length > 1 ? words[words.length - 1] : undefined;
  return [first, last]
    .map((word) => (word === undefined ? '' : ([...word][0] ?? '')))
    .join('')
    .toLocaleUpperCase();
}

/** The name to address somebody by. */
export function givenName(name: string): string {
  return oneLine(name).split(' ')[0] ?? '';
}
