// Light or dark: as the system has it, unless the reader chose otherwise on this machine.

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'segspec-theme'

export function currentTheme(): Theme {
  const stored = read()
  return stored === 'light' || stored === 'dark' ? stored : 'system'
}

export function setTheme(theme: Theme): void {
  if (theme === 'system') document.documentElement.removeAttribute('data-theme')
  else document.documentElement.setAttribute('data-theme', theme)
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // Storage can be forbidden; the choice then lasts until the page is left.
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}
