import { locale, t } from '.';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const weekday = new Intl.DateTimeFormat(locale, { weekday: 'short' });
const shortDate = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
const longDate = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' });
const day = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' });
const dayAndYear = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

/** `16:41`. */
export function clockTime(at: number): string {
  return clock.format(at);
}

/** A time in a list: relative under 24 hours, then the weekday, then the date. */
export function listTime(at: number, now: number): string {
  const age = now - at;
  if (age < MINUTE_MS) return t('time.now');
  if (age < HOUR_MS) return t('time.minutes', { count: Math.floor(age / MINUTE_MS) });
  if (age < DAY_MS) return t('time.hours', { count: Math.floor(age / HOUR_MS) });
  if (age < 7 * DAY_MS) return weekday.format(at);
  return date(at, now);
}

/** `17 Nov`, with the year where it is another. */
export function date(at: number, now: number): string {
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? shortDate.format(at) : longDate.format(at);
}

/** `16:41` of today, `17 Nov, 16:41` of another day. */
export function moment(at: number, now: number): string {
  return dayKey(at) === dayKey(now) ? clockTime(at) : `${date(at, now)}, ${clockTime(at)}`;
}

/** What tells the days of messages apart, on the user's clock. */
export function dayKey(at: number): string {
  const on = new Date(at);
  return `${on.getFullYear()}-${on.getMonth()}-${on.getDate()}`;
}

/** The heading over the messages of a day. */
export function dayTitle(at: number, now: number): string {
  if (dayKey(at) === dayKey(now)) return t('thread.today');
  // Noon of the day before: a day is not always 24 hours long.
  const noon = new Date(now);
  noon.setHours(12, 0, 0, 0);
  if (dayKey(at) === dayKey(noon.getTime() - DAY_MS)) return t('thread.yesterday');
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? day.format(at) : dayAndYear.format(at);
}

/** `2h 10m`, `48m`, `40s`: a time that is left. */
export function duration(ms: number): string {
  const left = Math.max(0, ms);
  if (left < MINUTE_MS) return t('time.seconds', { count: Math.ceil(left / 1_000) });
  const hours = Math.floor(left / HOUR_MS);
  const minutes = Math.floor((left % HOUR_MS) / MINUTE_MS);
  if (hours === 0) return t('time.minutes', { count: minutes });
  return t('time.hoursMinutes', { hours, minutes });
}
