// The focus stays where somebody is at work when what has it goes from the page.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepFocus } from '../src/lib/ui/keep-focus';

const [page, section, heading, save, more] = ['main', 'section', 'h2', 'button', 'button'].map((name) =>
  document.createElement(name),
) as [HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement];
let leave: unknown;

beforeEach(() => {
  section.replaceChildren(heading, save);
  page.replaceChildren(section, more);
  document.body.append(page);
  leave = keepFocus(page);
});
afterEach(() => {
  if (typeof leave === 'function') leave();
  page.remove();
});

/** Who has the focus once an element is gone. */
async function without(gone: HTMLElement): Promise<Element | null> {
  gone.remove();
  await new Promise((tell) => setTimeout(tell));
  return document.activeElement;
}

test('the heading of the section takes it', async () => {
  save.focus();
  expect(await without(save)).toBe(heading);
});

test('nobody takes it from who has it', async () => {
  save.focus();
  more.focus();
  expect(await without(save)).toBe(more);
});

test('nobody takes it where there is no heading', async () => {
  more.focus();
  expect(await without(more)).toBe(document.body);
  save.focus();
  expect(await without(section)).toBe(document.body);
});

test('who left everything is left in peace', async () => {
  save.focus();
  save.blur();
  await Promise.resolve();
  expect(await without(save)).toBe(document.body);
});
