// The keys of the page, as the help shows them.

export interface Key {
  keys: string[];
  does: string;
}

export const KEYS: Key[] = [
  { keys: ['Ctrl', 'K'], does: 'Search, and go to what is found' },
  { keys: ['Ctrl', 'Shift', 'O'], does: 'New chat' },
  { keys: ['Ctrl', 'L'], does: 'Lock the page' },
  { keys: ['/'], does: 'In an empty message: choose one of your prompts' },
  { keys: ['Enter'], does: 'Send the message' },
  { keys: ['Shift', 'Enter'], does: 'New line in the message' },
  { keys: ['Esc'], does: 'Stop the answer, or close what is open' },
  { keys: ['↑'], does: 'In an empty message: edit your last question' },
  { keys: ['?'], does: 'Show this list' },
];
