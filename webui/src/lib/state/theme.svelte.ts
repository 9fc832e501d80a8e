// Light or dark: as the system says, or as the person chose in this browser.

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'redoubt-theme';

function stored(): Theme {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : 'system';
}

const systemDark = matchMedia('(prefers-color-scheme: dark)');

class ThemeChoice {
  #value = $state<Theme>(stored());

  get value(): Theme {
    return this.#value;
  }

  set value(theme: Theme) {
    this.#value = theme;
    if (theme === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
    this.apply();
  }

  /** Names the colours to use on the root element and follows the system from then on. */
  start(): void {
    systemDark.addEventListener('change', () => this.apply());
    this.apply();
  }

  apply(): void {
    const system = systemDark.matches ? 'dark' : 'light';
    document.documentElement.dataset.theme = this.#value === 'system' ? system : this.#value;
  }
}

export const theme = new ThemeChoice();
