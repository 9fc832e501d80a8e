// Icons as paths in a 16 × 16 box, drawn with the colour of the text around them.

export const ICONS = {
  archive: 'M2.5 3h11v3h-11zM3.5 6v7h9V6M6.5 8.5h3',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  check: 'm3 8.5 3.2 3L13 4.5',
  close: 'm4 4 8 8m0-8-8 8',
  copy: 'M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1',
  down: 'M8 3v9.5m-4-4 4 4 4-4',
  download: 'M8 2.5v7.5m-3-3 3 3 3-3M3 13h10',
  edit: 'm3 13 .6-2.8 7.2-7.2 2.2 2.2-7.2 7.2zM9.5 4.5l2 2',
  forward: 'M6.5 3.5 11 8l-4.5 4.5',
  help: 'M6 6a2 2 0 1 1 3 1.8c-.7.4-1 .8-1 1.6M8 11.5v.1M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8z',
  menu: 'M2.5 4.5h11M2.5 8h11m-11 3.5h11',
  more: 'M3.2 8h.6m3.9 0h.6m3.9 0h.6',
  plus: 'M8 3v10M3 8h10',
  print: 'M4.5 6V2.5h7V6M4.5 11h-2V6h11v5h-2m-7-2h7v4.5h-7z',
  regenerate: 'M13 8a5 5 0 1 1-1.6-3.7L13 5.8M13 2.5v3.3H9.7',
  records: 'M3.5 2.5h9v11h-9zM6 5.5h4M6 8h4m-4 2.5h2.5',
  search: 'M7 2.8a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4zM10.2 10.2l3.3 3.3',
  send: 'M8 13V3.5m-4 4 4-4 4 4',
  settings: 'M2.5 5h6m3 0h2m-2-1.7v3.4H10V3.3zM2.5 11h2m3 0h6m-6-1.7v3.4H6V9.3z',
  signout: 'M6.5 2.5h-4v11h4M6.5 8h7m-2.5-2.5L13.5 8 11 10.5',
  stop: 'M4.5 4.5h7v7h-7z',
  trash: 'M2.5 4.5h11M6 4.5v-2h4v2m-6 0 .6 9h6.8l.6-9M6.5 7v4m3-4v4',
  warning: 'M8 2.5 14 13H2zM8 6.5v3m0 1.8v.1',
} as const;

export type IconName = keyof typeof ICONS;
