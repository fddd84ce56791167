import type { WindowView } from '../../lib/platform';

export type WindowNow = { state: 'open'; left: number } | { state: 'closed'; since: number | null };

/** The 24-hour window at this moment: what was open when it was read may have closed since. */
export function windowAt(window: WindowView, now: number): WindowNow {
  if (window.state === 'closed') return window;
  return window.until > now ? { state: 'open', left: window.until - now } : { state: 'closed', since: window.until };
}
