import { useSyncExternalStore } from 'react'

import type { Login } from '../api/types'
import { forgetLogin, storedLogin, storeLogin } from './storedLogin'

/** Why nobody is logged in. `expired` and `logged-out-here-only` deserve a word on the log-in page. */
export type Departure = 'logged-out' | 'expired' | 'logged-out-here-only'

let login: Login | null = storedLogin()
let departure: Departure | null = null
const listeners = new Set<() => void>()

/** Who is logged in: kept in memory, and for this tab only in its storage, so that a reload keeps it. */
export const credentials = {
  current: () => login,

  departure: () => departure,

  keep: (next: Login) => {
    login = next
    departure = null
    storeLogin(next)
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

export function useLogin(): Login | null {
  return useSyncExternalStore(credentials.subscribe, credentials.current)
}

export function useDeparture(): Departure | null {
  return useSyncExternalStore(credentials.subscribe, credentials.departure)
}

function tell() {
  listeners.forEach((listener) => listener())
}
