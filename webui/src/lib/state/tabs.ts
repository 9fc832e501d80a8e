// What the tabs of one browser tell each other: they have one session between them.

export type Word =
  /** Somebody uses the page. */
  | 'active'
  | 'locked'
  | 'unlocked'
  /** Signed out, or gone to another workspace: whatever is shown is no longer to be seen. */
  | 'left';

const channel = new BroadcastChannel('redoubt');

export const tabs = {
  say(word: Word): void {
    channel.postMessage(word);
  },
  listen(hear: (word: Word) => void): void {
    channel.onmessage = ({ data }) => hear(data as Word);
  },
};
