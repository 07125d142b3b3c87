import { useSyncExternalStore } from 'react'

import { forgetLogin, KEY, storedLogin, storeLogin, type KeptLogin } from './storedLogin'

/** Why nobody is logged in. `expired` and `logged-out-here-only` deserve a word on the log-in page. */
export type Departure = 'logged-out' | 'expired' | 'logged-out-here-only'

let login: KeptLogin | null = storedLogin()
let departure: Departure | null = null
const listeners = new Set<() => void>()

/** Who is logged in: kept in memory, and in the browser's storage, so that a reload and another tab know it. */
export const credentials = {
  current: () => login,

  departure: () => departure,

  keep: (next: KeptLogin) => {
    login = withoutSecret(next)
    departure = null
    storeLogin(login)
    tell()
  },

  drop: (why: Departure) => {
    login = null
    departure = why
    forgetLogin()
    tell()
  },

  subscribe: (listener: () => void) => {
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  },
}

/** Nothing that a script of a stranger's could take away, where the cookie does. */
function withoutSecret(login: KeptLogin): KeptLogin {
  const { session } = login
  return session ? { ...login, token: undefined, expires_at: session.expires_at } : login
}

/** All tabs have one cookie: what becomes of it in another one counts here as well. */
window.addEventListener('storage', ({ key }) => {
  // None when everything was removed.
  if (key !== null && key !== KEY) return
  const next = storedLogin()
  // Nothing of who was logged in is shown to who is now.
  if (login && next && next.user.id !== login.user.id) window.location.reload()
  if (login && !next) departure = 'logged-out'
  login = next
  tell()
})

export function useLogin(): KeptLogin | null {
  return useSyncExternalStore(credentials.subscribe, credentials.current)
}

export function useDeparture(): Departure | null {
  return useSyncExternalStore(credentials.subscribe, credentials.departure)
}

function tell() {
  listeners.forEach((listener) => listener())
}
