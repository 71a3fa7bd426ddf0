/** Light, dark, or whatever the system says; remembered on this device. */

export type Theme = "light" | "dark";

const KEY = "muster.theme";
const system = () => window.matchMedia("(prefers-color-scheme: dark)");

function remembered(): Theme | undefined {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : undefined;
  } catch {
    // Storage can be forbidden; the page then follows the system.
    return undefined;
  }
}

export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return system().matches ? "dark" : "light";
}

function apply(theme: Theme | undefined): void {
  if (theme === undefined) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Starts with what was remembered; calls `changed` on every change, also the system's. */
export function startTheme(changed: () => void): void {
  apply(remembered());
  system().addEventListener("change", changed);
}

export function toggleTheme(): Theme {
  const theme: Theme = currentTheme() === "dark" ? "light" : "dark";
  apply(theme);
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // The choice then lasts as long as the page.
  }
  return theme;
}
