import type { IconName } from '../../lib/ui/icons';

/** The icon of a message that is more than text, or null. */
export function kindIcon(kind: string): IconName | null {
  switch (kind) {
    case 'text':
    case 'interactive':
    case 'button':
    case 'reaction':
      return null;
    case 'image':
      return 'image';
    case 'audio':
      return 'mic';
    case 'video':
      return 'play';
    case 'sticker':
      return 'smile';
    case 'location':
      return 'pin';
    case 'contacts':
      return 'contacts';
    case 'system':
      return 'info';
    case 'document':
    case 'order':
      return 'file';
    default:
      return 'alert';
  }
}

/** The short word on the tile of a file: the end of its name, or what its type says. */
export function fileWord(fileName: string | null, mimeType: string | null): string {
  const ending = /\.([a-z0-9]{1,4})$/i.exec(fileName ?? '')?.[1];
  const subtype = /^[a-z]+\/([a-z0-9]{1,4})(?:$|;)/i.exec(mimeType ?? '')?.[1];
  return (ending ?? subtype ?? '').toUpperCase();
}
