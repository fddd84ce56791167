import type { ApiError } from '../platform';
import { isKey, t, type Key } from '.';
import { duration } from './dates';

/** What happened, and what to do about it. */
export interface Words {
  title: string;
  body: string;
}

/** The words for a failed command. */
export function errorWords(error: ApiError): Words {
  const title: string = `problem.${error.code}.title`;
  const body: string = `problem.${error.code}.body`;
  if (!isKey(title) || !isKey(body)) return { title: t('problem.internal.title'), body: t('problem.internal.body') };
  if (error.code === 'too_many_attempts' && error.retry_after_ms !== null) {
    return {
      title: plainText(title),
      body: t('problem.too_many_attempts.wait', { wait: duration(error.retry_after_ms) }),
    };
  }
  return { title: plainText(title), body: plainText(body) };
}

/** The words for why a message was not sent, by the code of whoever refused it. */
export function failureWords(code: string | null): string {
  const key: string = `failure.${code ?? 'other'}`;
  return isKey(key) ? plainText(key) : t('failure.other');
}

/** The word for a message's kind. */
export function kindWord(kind: string): string {
  const key: string = `kind.${kind}`;
  return isKey(key) ? plainText(key) : t('kind.unsupported');
}

/** The word for what somebody is, or nothing where this version has none. */
export function roleWord(role: string): string {
  const key: string = `role.${role}`;
  return isKey(key) ? plainText(key) : '';
}

// Keys that are put together from codes name texts without parameters; a test looks at them.
function plainText(key: Key): string {
  return t(key as 'app.name');
}
