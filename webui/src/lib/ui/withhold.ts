// Takes an element out of the document and puts it back as it was: what was typed in its fields is still there.
import type { Attachment } from 'svelte/attachments';

/** Out of the document while `hidden()` is true. */
export function withhold(hidden: () => boolean): Attachment<HTMLElement> {
  let focused: EventTarget | null = null;
  const remember = ({ target }: FocusEvent) => (focused = target);

  return (element) => {
    if (!hidden()) {
      element.addEventListener('focusin', remember);
      return () => element.removeEventListener('focusin', remember);
    }
    const scrolled = [...element.querySelectorAll('*')]
      .filter(({ scrollTop }) => scrollTop > 0)
      .map((part) => ({ part, top: part.scrollTop }));
    const dialogs = [...element.querySelectorAll<HTMLDialogElement>('dialog[open]')];
    const place = document.createComment('withheld');
    element.replaceWith(place);
    return () => {
      place.replaceWith(element);
      for (const { part, top } of scrolled) part.scrollTop = top;
      for (const dialog of dialogs) reopen(dialog);
      const known = focused instanceof HTMLElement && focused.isConnected;
      const next = known ? focused : element.querySelector('input, #content');
      if (next instanceof HTMLElement) next.focus({ preventScroll: true });
    };
  };
}

/** A dialog that was taken out is open but no longer modal. */
function reopen(dialog: HTMLDialogElement): void {
  if (!dialog.isConnected) return;
  dialog.removeAttribute('open');
  dialog.showModal();
}
