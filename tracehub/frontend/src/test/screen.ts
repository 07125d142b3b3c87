import { vi } from 'vitest'

/** jsdom has no screen, so no answer to media queries: here it is a wide, light one. */
export function wideScreen() {
  window.matchMedia = (query) => answer(query, false)
}

export function phoneScreen() {
  window.matchMedia = (query) => answer(query, query.includes('max-width'))
}

function answer(media: string, matches: boolean): MediaQueryList {
  const nobodyListens = { addEventListener: vi.fn(), removeEventListener: vi.fn() }
  return { media, matches, ...nobodyListens } as unknown as MediaQueryList
}
