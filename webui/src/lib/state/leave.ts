// Leaves the page for a fresh one, so that nothing of what it shows or remembers stays.

export function leave(path: string): void {
  // Taken out as a whole: what is still running finds its elements where they were.
  document.getElementById('app')?.remove();
  // The browser may keep the old page for its back button; coming back to it is a fresh start, too.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) location.reload();
  });
  location.assign(path);
}
