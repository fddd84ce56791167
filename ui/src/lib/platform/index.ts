import type { ApiError, ApiErrorCode, Commands, ViewsChanged } from './bindings';

export type * from './bindings';

export type CommandName = keyof Commands;

/** The one seam between the interface and whatever hosts it. */
export interface Platform {
  /** Runs a command. It fails with an `ApiError` and with nothing else. */
  call<K extends CommandName>(name: K, request: Commands[K]['request']): Promise<Commands[K]['response']>;
  /** Tells when stored data changed. The answer ends it. */
  onViewsChanged(listener: (changed: ViewsChanged) => void): () => void;
}

/** What a host threw, as an `ApiError`; what is none is a bug, and says so. */
export function asApiError(thrown: unknown): ApiError {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string') {
    const wait = 'retry_after_ms' in thrown ? thrown.retry_after_ms : null;
    return { code: thrown.code as ApiErrorCode, retry_after_ms: typeof wait === 'number' ? wait : null };
  }
  return { code: 'internal', retry_after_ms: null };
}

/** The host of this build: the real window, or in mode `mock` a stand-in for tests and for a browser. */
export async function openPlatform(): Promise<Platform> {
  if (import.meta.env.MODE === 'mock') {
    const { openMock } = await import('./mock');
    return openMock(new URLSearchParams(location.search));
  }
  const { openTauri } = await import('./tauri');
  return openTauri();
}
