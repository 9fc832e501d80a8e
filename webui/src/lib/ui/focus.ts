// Where the focus goes when a page opens: to its heading, so that a screen reader begins there.
import type { Attachment } from 'svelte/attachments';

export const focusHere: Attachment<HTMLElement> = (element) => {
  element.focus({ preventScroll: true });
};
