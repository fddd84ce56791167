import { Channel, invoke } from '@tauri-apps/api/core';
import { asApiError, type CommandName, type Commands, type Platform, type ViewsChanged } from '.';

/** The window's host. It is open once changes are subscribed to, so that nothing read afterwards can go stale unseen. */
export async function openTauri(): Promise<Platform> {
  const listeners = new Set<(changed: ViewsChanged) => void>();
  const channel = new Channel<ViewsChanged>();
  channel.onmessage = (changed) => {
    for (const listener of listeners) listener(changed);
  };
  await invoke('subscribe', { channel });

  return {
    async call<K extends CommandName>(name: K, request: Commands[K]['request']) {
      try {
        return await invoke<Commands[K]['response']>('call', { name, request });
      } catch (thrown) {
        throw asApiError(thrown);
      }
    },
    onViewsChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
