// What is open around the page.

class ShellState {
  /** The sidebar, where the screen is too narrow to show it always. */
  drawer = $state(false);
  overlay = $state<'palette' | 'shortcuts' | 'workspaces' | 'prompts' | null>(null);
}

export const shell = new ShellState();
