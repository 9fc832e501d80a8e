// Starts the page.
import { mount } from 'svelte';
import App from './App.svelte';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/layout.css';
import './styles/pages.css';
import './styles/chat.css';
import './styles/markdown.css';
import './styles/print.css';
import { watch } from './lib/api/http';
import { chats } from './lib/chat/list.svelte';
import { connection } from './lib/state/connection.svelte';
import { router } from './lib/state/router.svelte';
import { session } from './lib/state/session.svelte';
import { theme } from './lib/state/theme.svelte';

theme.start();
router.start();
watch({
  reached: () => connection.reached(),
  unreachable: () => connection.unreachable(),
  sessionEnded: (error) => session.ended(error),
});
addEventListener('pagehide', () => void chats.undo.flush());
session.beforeSignOut = () => chats.undo.flush();

const target = document.getElementById('app');
if (target) mount(App, { target });
