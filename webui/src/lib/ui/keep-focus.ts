// Focus is never lost: when what has it goes from the page, such as a button that has done its work, the heading of
// the section around it takes it, so that a screen reader and the next key go on from there.
import type { Attachment } from 'svelte/attachments';

export const keepFocus: Attachment<HTMLElement> = (page) => {
  let focused: Element | null = null;
  let section: Element | null = null;

  function remember({ target }: FocusEvent) {
    focused = target as Element;
    section = focused.closest('section');
  }

  /** Who clicks beside everything left it on purpose. Some browsers tell the same of what is taken out. */
  function forget({ target }: FocusEvent) {
    queueMicrotask(() => {
      if (focused === target && focused?.isConnected) focused = null;
    });
  }

  const observer = new MutationObserver(() => {
    if (!focused || focused.isConnected || document.activeElement !== document.body) return;
    focused = null;
    const heading = section?.isConnected ? section.querySelector('h2') : null;
    if (!heading) return;
    heading.tabIndex = -1;
    heading.focus();
  });

  page.addEventListener('focusin', remember);
  page.addEventListener('focusout', forget);
  observer.observe(page, { childList: true, subtree: true });
  return () => {
    page.removeEventListener('focusin', remember);
    page.removeEventListener('focusout', forget);
    observer.disconnect();
  };
};
