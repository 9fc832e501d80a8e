// Finding sections of the manual by words, each of which must be there; a heading that has them comes first.
import type { Page, Section } from './manual';

export interface Found {
  page: Page;
  section: Section;
  /** The words around the first one that was found. */
  excerpt: string;
}

const MOST = 20;
const AROUND = 70;

export function search(pages: Page[], query: string): Found[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const all = pages.flatMap((page) => page.sections.map((section) => ({ page, section })));
  const ranked = all
    .map((one) => ({ ...one, rank: rank(one.page, one.section, words) }))
    .filter((one) => one.rank > 0)
    .sort((one, other) => other.rank - one.rank);
  return ranked
    .slice(0, MOST)
    .map(({ page, section }) => ({ page, section, excerpt: excerpt(section.text, words) }));
}

function rank(page: Page, section: Section, words: string[]): number {
  const heading = `${page.title} ${section.heading}`.toLowerCase();
  const text = section.text.toLowerCase();
  if (!words.every((word) => heading.includes(word) || text.includes(word))) return 0;
  return 1 + words.filter((word) => heading.includes(word)).length;
}

function excerpt(text: string, words: string[]): string {
  const flat = text.replace(/\s+/g, ' ').trim();
  const places = words.map((word) => flat.toLowerCase().indexOf(word)).filter((at) => at >= 0);
  const at = places.length > 0 ? Math.min(...places) : 0;
  const [from, to] = [Math.max(0, at - AROUND), at + AROUND];
  return `${from > 0 ? '…' : ''}${flat.slice(from, to)}${to < flat.length ? '…' : ''}`;
}
