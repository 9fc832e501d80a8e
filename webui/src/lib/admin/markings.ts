// The usual levels with the colours in which they are usually written, and whether a pair of colours can be read.
import type { Marking } from '../api/types';

export const LEVELS: Marking[] = [
  { text: 'UNCLASSIFIED', background: '#007a33', color: '#ffffff' },
  { text: 'CUI', background: '#502b85', color: '#ffffff' },
  { text: 'CONFIDENTIAL', background: '#0033a0', color: '#ffffff' },
  { text: 'SECRET', background: '#c8102e', color: '#ffffff' },
  { text: 'TOP SECRET', background: '#ff8c00', color: '#000000' },
  { text: 'TOP SECRET//SCI', background: '#fce83a', color: '#000000' },
];

/** What normal text needs (WCAG 2.1, 1.4.3). */
export const LEAST_CONTRAST = 4.5;

/** The contrast of two colours like #007a33, from 1 to 21 (WCAG 2.1, relative luminance). */
export function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const parts = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255);
  const [red = 0, green = 0, blue = 0] = parts.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
