import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/controls.css';
import './styles/overlay.css';
import { mount } from 'svelte';
import { App as AppModel } from './lib/app.svelte';
import { language } from './lib/i18n';
import { openPlatform } from './lib/platform';
import { apply } from './lib/theme';
import App from './App.svelte';
import Failed from './Failed.svelte';

// Before anything is read, so that the window never flashes in the other theme of the system.
apply('system');
document.documentElement.lang = language;

const target = document.getElementById('app');
if (target === null) throw new Error('the page has no place for the app');

try {
  const app = new AppModel(await openPlatform());
  await app.start();
  mount(App, { target, props: { app } });
} catch {
  mount(Failed, { target });
}
