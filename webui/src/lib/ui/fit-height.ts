// A text field as high as its text, up to the maximum height that its style sets.
import type { Attachment } from 'svelte/attachments';

/** `text` is read so that the height follows it. */
export function fitHeight(text: () => string): Attachment<HTMLTextAreaElement> {
  return (field) => {
    text();
    field.style.height = 'auto';
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  };
}
