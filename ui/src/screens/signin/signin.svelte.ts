import { asApiError, type ApiError, type ApiErrorCode } from '../../lib/platform';
import { t } from '../../lib/i18n';
import type { App } from '../../lib/app.svelte';

export type FieldName = 'backend' | 'email' | 'password';

/** Which field a failed sign-in sends the user back to. */
const FIELD_OF: Partial<Record<ApiErrorCode, FieldName>> = {
  wrong_credentials: 'password',
  bad_backend_address: 'backend',
  unreachable: 'backend',
  not_a_backend: 'backend',
};

/** The sign-in form: what is typed, what is missing, what the backend said. */
export class SignInModel {
  backend = $state('');
  email = $state('');
  password = $state('');
  busy = $state(false);
  error = $state.raw<ApiError | null>(null);
  missing = $state.raw<ReadonlySet<FieldName>>(new Set());

  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
    this.backend = app.session?.backend ?? '';
  }

  /** The host that is typed, how far it can be told, and whether it is this computer. */
  get target(): { host: string; local: boolean } | null {
    const typed = this.backend.trim();
    if (typed === '') return null;
    try {
      const url = new URL(/^https?:\/\//i.test(typed) ? typed : `https://${typed}`);
      return { host: url.host, local: url.protocol === 'http:' };
    } catch {
      return null;
    }
  }

  /** What is wrong with a field, or null. */
  problem(field: FieldName): string | null {
    if (this.missing.has(field)) return t(`signin.missing.${field}`);
    if (this.error === null || FIELD_OF[this.error.code] !== field) return null;
    if (field === 'password') return t('signin.again.password');
    return field === 'backend' ? t('signin.again.backend') : null;
  }

  typed(field: FieldName): void {
    if (this.missing.has(field)) this.missing = new Set([...this.missing].filter((other) => other !== field));
  }

  /** Signs in. Answers the field to go to where that did not work. */
  async submit(): Promise<FieldName | null> {
    if (this.busy) return null;
    const empty = (['backend', 'email', 'password'] as const).filter((field) => this[field].trim() === '');
    this.missing = new Set(empty);
    this.error = null;
    if (empty[0] !== undefined) return empty[0];

    this.busy = true;
    try {
      const { backend, email, password } = this;
      this.#app.session = await this.#app.platform.call('sign_in', {
        backend: backend.trim(),
        email: email.trim(),
        password,
      });
      this.password = '';
      return null;
    } catch (thrown) {
      this.error = asApiError(thrown);
      const field = FIELD_OF[this.error.code] ?? 'password';
      if (field === 'password') this.password = '';
      return field;
    } finally {
      this.busy = false;
    }
  }
}
