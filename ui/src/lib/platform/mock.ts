import { asApiError, type ApiErrorCode, type CommandName, type Commands, type Platform, type ViewsChanged } from '.';
import { MockHost } from './mock/host';

declare global {
  interface Window {
    /** The stand-in host, for tests in a browser. */
    deskbellMock?: MockHost;
  }
}

/**
 * A host that stands in for the engine in tests and in a plain browser; no build for people contains it.
 * `?n=0|12|20000` conversations, `signedout`, `offline`, `loading`, `never` (was in sync), `memory`, `slow=ms`, `long` (a thread of 2,000
 * messages), `blocked=code`, `fail=command:code`, `theme=light|dark|system`.
 */
export function openMock(options: URLSearchParams): Platform {
  const listeners = new Set<(changed: ViewsChanged) => void>();
  const host = new MockHost(options, (changed) => {
    for (const listener of listeners) listener(changed);
  });
  window.deskbellMock = host;
  const slow = Number(options.get('slow') ?? 0);
  const [failing, code] = (options.get('fail') ?? '').split(':');

  return {
    async call<K extends CommandName>(name: K, request: Commands[K]['request']): Promise<Commands[K]['response']> {
      await new Promise((done) => setTimeout(done, slow));
      if (name === failing) throw asApiError({ code: (code ?? 'internal') as ApiErrorCode });
      const command: (request: Commands[K]['request']) => Commands[K]['response'] = host.commands[name];
      // As over a real border: nothing is shared.
      return structuredClone(command(structuredClone(request)));
    },
    onViewsChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
