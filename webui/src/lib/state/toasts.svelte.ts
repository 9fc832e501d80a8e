// Short messages at the edge of the page, some with one thing to do about them.

export interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

class Toasts {
  items = $state<Toast[]>([]);
  #last = 0;

  show(text: string, { action, for: time = 6_000 }: { action?: Toast['action']; for?: number } = {}): number {
    const id = ++this.#last;
    this.items.push({ id, text, ...(action ? { action } : {}) });
    setTimeout(() => this.dismiss(id), time);
    return id;
  }

  clear(): void {
    this.items = [];
  }

  dismiss(id: number): void {
    this.items = this.items.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
