// Signing out by a button. Who is still signed in after it must know.
import { session } from '../state/session.svelte';
import { toasts } from '../state/toasts.svelte';
import { explain } from '../ui/errors';

export async function signOut(): Promise<void> {
  try {
    await session.signOut();
  } catch (error) {
    toasts.show(`You are still signed in. ${explain(error).what}`);
  }
}
