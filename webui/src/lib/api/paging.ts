// Lists that come a page at a time.
import { json } from './http';
import type { Page } from './types';

const PORTION = '50';
/** Pages that are read on behalf of one who asked for everything. */
const MOST_PAGES = 40;

export function pageOf<T>(path: string, asked: Record<string, string | null>): Promise<Page<T>> {
  const query = new URLSearchParams({ limit: PORTION });
  for (const [key, value] of Object.entries(asked)) if (value) query.set(key, value);
  return json(`${path}?${query}`);
}

/** Everything of a list that is known to be short, such as groups. */
export async function allOf<T>(path: string): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page: Page<T> = await pageOf(path, { cursor });
    items.push(...page.items);
    cursor = page.next;
    if (cursor === null) break;
  }
  return items;
}
