// Amounts as people read them.

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${UNITS[unit]}`;
}

/** "1 person", "12 people". */
export function count(of: number, one: string, many = `${one}s`): string {
  return `${of.toLocaleString()} ${of === 1 ? one : many}`;
}

/** Seconds as days, hours and minutes. */
export function span(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${count(days, 'day')}, ${count(hours % 24, 'hour')}`;
  if (hours > 0) return `${count(hours, 'hour')}, ${count(minutes % 60, 'minute')}`;
  return count(minutes, 'minute');
}
