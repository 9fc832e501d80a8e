// A text field as high as its text, up to the maximum height that its style sets.
import type { Attachment } from 'svelte/attachments';

/** `text` is read so that the height follows it. */
export function fitHeight(text: () => string): Attachment<HTMLTextAreaElement> {
  return (field) => {
    text();
    if (field.offsetHeight > 0) {
      fit(field);
      return;
    }
    // Not shown yet, as in a dialog that is about to open.
    const frame = requestAnimationFrame(() => fit(field));
    return () => cancelAnimationFrame(frame);
  };
}

function fit(field: HTMLTextAreaElement): void {
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}
