import type { Theme } from './platform';

const dark = window.matchMedia('(prefers-color-scheme: dark)');

/** What a choice means on this computer now. */
export function resolved(theme: Theme): 'light' | 'dark' {
  if (theme !== 'system') return theme;
  return dark.matches ? 'dark' : 'light';
}

/** Draws the window so, until told otherwise. */
export function apply(theme: Theme): void {
  document.documentElement.dataset['theme'] = resolved(theme);
}

/** Calls back when the system changes its mind. The answer ends it. */
export function onSystemChange(listener: () => void): () => void {
  dark.addEventListener('change', listener);
  return () => dark.removeEventListener('change', listener);
}
