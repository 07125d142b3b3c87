// What the browser keeps for us. It may refuse (cookies are blocked, the disk is full, a frame of another site): then
// it is kept for as long as this page is open, and nothing fails.

type Where = 'localStorage' | 'sessionStorage'

/** What the browser refused to keep. */
const refused = {
  localStorage: new Map<string, string>(),
  sessionStorage: new Map<string, string>(),
}

/** What was kept under this name, or null. */
export function recall(where: Where, key: string): string | null {
  return refused[where].get(key) ?? trying(() => window[where].getItem(key)) ?? null
}

/** Whether it will still be there when the page was closed. */
export function remember(where: Where, key: string, text: string): boolean {
  const isKept = trying(() => {
    window[where].setItem(key, text)
    return true
  })
  if (isKept) refused[where].delete(key)
  else refused[where].set(key, text)
  return isKept ?? false
}

export function forget(where: Where, key: string) {
  refused[where].delete(key)
  trying(() => window[where].removeItem(key))
}

/** All names under which something is kept. */
export function names(where: Where): string[] {
  const inBrowser = trying(() => Object.keys(window[where])) ?? []
  return [...new Set([...inBrowser, ...refused[where].keys()])]
}

/** Even to name the storage may throw. */
function trying<T>(what: () => T): T | undefined {
  try {
    return what()
  } catch {
    return undefined
  }
}
