import { t } from '../i18n';
import type { Theme } from '../platform';
import type { MenuItem } from './Menu.svelte';

/** The themes, as items of a menu. */
export function themeItems(current: Theme): MenuItem<Theme>[] {
  return [
    { id: 'system', label: t('theme.system'), icon: 'theme', checked: current === 'system' },
    { id: 'light', label: t('theme.light'), icon: 'sun', checked: current === 'light' },
    { id: 'dark', label: t('theme.dark'), icon: 'moon', checked: current === 'dark' },
  ];
}
