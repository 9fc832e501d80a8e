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
import { deeds } from './lib/state/deeds';
import { leave } from './lib/state/leave';
import { lock } from './lib/state/lock.svelte';
import { proof } from './lib/state/proof.svelte';
import { router } from './lib/state/router.svelte';
import { session } from './lib/state/session.svelte';
import { tabs } from './lib/state/tabs';
import { theme } from './lib/state/theme.svelte';

theme.start();
router.start();
watch({
  reached: () => {
    connection.reached();
    lock.called();
  },
  unreachable: () => connection.unreachable(),
  sessionEnded: (error) => session.ended(error),
  workspaceNeeded: () => session.workspaceNeeded(),
  unlocked: () => lock.closed(),
  proved: () => (lock.on ? Promise.resolve(false) : proof.need()),
});
tabs.listen((word) => {
  if (!session.me && !lock.on) return;
  if (word === 'active') lock.input(false);
  else if (word === 'left') leave('/');
  else lock.follow(word);
});
for (const input of ['keydown', 'pointerdown', 'pointermove', 'wheel']) {
  addEventListener(input, () => lock.input(), { passive: true });
}

/** Does now what could still be undone. */
async function settle(): Promise<void> {
  await Promise.all([chats.undo.flush(), deeds.flush()]);
}
addEventListener('pagehide', () => void settle());
session.beforeSignOut = settle;
lock.before = settle;

const target = document.getElementById('app');
if (target) mount(App, { target });
