/** What a key does. */
export type Action =
  | 'shortcuts'
  | 'theme'
  | 'back'
  | 'inbox'
  | 'switcher'
  | 'view_mine'
  | 'view_unassigned'
  | 'view_all'
  | 'next'
  | 'previous'
  | 'reply'
  | 'claim'
  | 'resolve'
  | 'reopen'
  | 'send';

/** A key press, as far as shortcuts look at it. */
export interface Press {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  /** Whether an input method is composing a character. */
  isComposing: boolean;
}

export interface Situation {
  /** Whether the focus is where text is typed. */
  typing: boolean;
  /** Whether `G` was pressed just before. */
  afterG: boolean;
  /** Whether single letters do anything (WCAG 2.1.4). */
  singles: boolean;
  mac: boolean;
}

/** What a press means; `g` starts a sequence. */
export function meaning(press: Press, situation: Situation): Action | 'g' | null {
  if (press.isComposing) return null;
  const command = situation.mac ? press.metaKey : press.ctrlKey;
  const other = situation.mac ? press.ctrlKey : press.metaKey;
  if (press.key === 'Escape') return 'back';
  if (command && !other && !press.altKey) {
    if (press.key === 'Enter' && !press.shiftKey) return 'send';
    if (letter(press) === 'l' && press.shiftKey) return 'theme';
    if (press.code === 'Digit1' && !press.shiftKey) return 'inbox';
    return null;
  }
  if (command || other || press.altKey || situation.typing) return null;
  if (press.key === '?') return 'shortcuts';
  if (!situation.singles) return null;

  const pressed = letter(press);
  if (situation.afterG && !press.shiftKey) {
    if (pressed === 'm') return 'view_mine';
    if (pressed === 'u') return 'view_unassigned';
    if (pressed === 'a') return 'view_all';
  }
  if (press.shiftKey) return pressed === 'e' ? 'reopen' : null;
  switch (pressed) {
    case 'g':
      return 'g';
    case 'v':
      return 'switcher';
    case 'j':
      return 'next';
    case 'k':
      return 'previous';
    case 'r':
      return 'reply';
    case 'c':
      return 'claim';
    case 'e':
      return 'resolve';
    default:
      return null;
  }
}

/** The Latin letter on the key: of what it types, or of its place where it types letters of another script. */
function letter(press: Press): string {
  const typed = press.key.toLowerCase();
  if (/^[a-z]$/.test(typed)) return typed;
  const isForeign = /^\p{L}$/u.test(typed) && !/^\p{Script=Latin}$/u.test(typed);
  const place = /^Key([A-Z])$/.exec(press.code)?.[1];
  return isForeign && place !== undefined ? place.toLowerCase() : '';
}

export const IS_MAC = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform);

/** Whether an element takes what is typed. */
export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'submit'].includes(target.type);
}
