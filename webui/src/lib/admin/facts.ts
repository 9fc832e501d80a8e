// JSON of any shape as a flat list of names and values, in plain words.

export interface Fact {
  name: string;
  text: string;
}

export function factsOf(value: unknown, name = ''): Fact[] {
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item !== 'object')) {
      return value.length > 0 ? [{ name, text: value.map(plain).join(', ') }] : [];
    }
    return value.flatMap((item, index) => factsOf(item, joined(name, labelOf(item) ?? String(index + 1))));
  }
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).flatMap(([key, item]) => factsOf(item, joined(name, spaced(key))));
  }
  return [{ name, text: plain(value) }];
}

/** What an item of a list is called. */
function labelOf(item: unknown): string | null {
  if (item === null || typeof item !== 'object') return null;
  const { title, name, process, id } = item as Record<string, unknown>;
  const found = title ?? name ?? process ?? id;
  return typeof found === 'string' ? found : null;
}

function joined(before: string, next: string): string {
  return before ? `${before}: ${next}` : next.charAt(0).toUpperCase() + next.slice(1);
}

function spaced(key: string): string {
  return key.replace(/_/g, ' ');
}

function plain(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value === null || value === undefined) return '–';
  return typeof value === 'number' ? value.toLocaleString() : String(value);
}
