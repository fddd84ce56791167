/** A piece of a message: text, or a style over pieces. */
export type Piece =
  | { style: 'text'; text: string }
  | { style: 'code'; text: string }
  | { style: 'bold' | 'italic' | 'strike'; pieces: Piece[] };

type Style = 'bold' | 'italic' | 'strike';

const STYLES: Readonly<Record<string, Style>> = { '*': 'bold', _: 'italic', '~': 'strike' };
const WORD = /[\p{L}\p{N}]/u;
const SPACE = /\s/u;
const FENCE = '```';

/** Longest text that is searched for styles, in UTF-16 units. What is longer is shown as it was written. */
export const FORMAT_UNITS_MAX = 65_536;

interface Open {
  marker: string;
  style: Style;
  pieces: Piece[];
}

/**
 * WhatsApp's formatting: `*bold*`, `_italic_`, `~strike~`, ``` ```code``` ``` and `` `code` ``. A marker opens before a character
 * that is not a space and after none that belongs to a word, closes the other way round, and holds to its line. What does
 * not fit is text. One pass, so that no text can make it slow.
 */
export function format(text: string): Piece[] {
  if (text.length > FORMAT_UNITS_MAX) return [{ style: 'text', text }];
  const root: Piece[] = [];
  const open: Open[] = [];
  let plain = '';

  const here = (): Piece[] => open[open.length - 1]?.pieces ?? root;
  const flush = (): void => {
    if (plain !== '') add(here(), { style: 'text', text: plain });
    plain = '';
  };
  // The innermost style did not end: its marker was text.
  const undo = (): void => {
    flush();
    const style = open.pop();
    if (style === undefined) return;
    add(here(), { style: 'text', text: style.marker });
    for (const piece of style.pieces) add(here(), piece);
  };

  for (let at = 0; at < text.length;) {
    const character = text.charAt(at);

    if (character === '`') {
      const marker = text.startsWith(FENCE, at) ? FENCE : '`';
      const from = at + marker.length;
      const to = closeOfCode(text, from, marker);
      if (to !== null) {
        flush();
        add(here(), { style: 'code', text: text.slice(from, to) });
        at = to + marker.length;
      } else {
        plain += marker;
        at = from;
      }
      continue;
    }

    if (character === '\n') while (open.length > 0) undo();

    const style = STYLES[character];
    if (style !== undefined) {
      const before = characterBefore(text, at);
      const after = characterAfter(text, at);
      const depth = open.findLastIndex((entry) => entry.style === style);
      if (
        depth >= 0 &&
        before !== '' &&
        !SPACE.test(before) &&
        !WORD.test(after) &&
        text.charAt(at - 1) !== character
      ) {
        while (open.length > depth + 1) undo();
        flush();
        const closed = open.pop();
        if (closed !== undefined) add(here(), { style, pieces: closed.pieces });
        at += 1;
        continue;
      }
      if (depth < 0 && after !== '' && !SPACE.test(after) && after !== character && !WORD.test(before)) {
        flush();
        open.push({ marker: character, style, pieces: [] });
        at += 1;
        continue;
      }
    }

    plain += character;
    at += 1;
  }
  while (open.length > 0) undo();
  flush();
  return root;
}

/** Where code ends, or null where it does not: a fence may span lines, a single backtick may not. */
function closeOfCode(text: string, from: number, marker: string): number | null {
  const to = text.indexOf(marker, from);
  if (to <= from || text.slice(from, to).trim() === '') return null;
  if (marker === '`' && text.slice(from, to).includes('\n')) return null;
  return to;
}

function characterBefore(text: string, at: number): string {
  return at === 0 ? '' : (String.fromCodePoint(text.codePointAt(pointStart(text, at - 1)) ?? 32) ?? '');
}

function characterAfter(text: string, at: number): string {
  const point = text.codePointAt(at + 1);
  return point === undefined ? '' : String.fromCodePoint(point);
}

function pointStart(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff && at > 0 ? at - 1 : at;
}

/** Adds a piece; texts beside each other become one. */
function add(pieces: Piece[], piece: Piece): void {
  const last = pieces[pieces.length - 1];
  if (piece.style === 'text' && last?.style === 'text') last.text += piece.text;
  else pieces.push(piece);
}

const LINK = /https?:\/\/[^\s<>"']+/gi;

/**
 * A text with the real host after each link whose written host is another: of a name in foreign letters its ASCII
 * form, and of `https://bank.example@elsewhere.example` the host it leads to.
 */
export function withRealHosts(text: string): string {
  return text.replace(LINK, (link) => {
    let host: string;
    try {
      host = new URL(link).host;
    } catch {
      return link;
    }
    const written = /^https?:\/\/([^/?#\\]*)/i.exec(link)?.[1]?.toLowerCase() ?? '';
    return written === host || written.replace(/[.,;:!?)\]]+$/, '') === host ? link : `${link} (${host})`;
  });
}
