import { useSyncExternalStore } from 'react'

import type { Login } from '../api/types'

/** Why nobody is logged in: `expired` deserves a word on the log-in page. */
export type Departure = 'logged-out' | 'expired'

const KEY = 'tracehub.credentials'

let login: Login | null = read()
let departure: Departure | null = null
const listeners = new Set<() => void>()

/** Who is logged in: kept in memory, and for this tab only in its storage, so that a reload keeps it. */
export const credentials = {
  current: () => login,

  departure: () => departure,

  keep: (next: Login) => {
    login = next
    departure = null
    sessionStorage.setItem(KEY, JSON.stringify(next))
    tell()
  },

  drop: (why: Departure) => {
    login = null
    departure = why
    sessionStorage.removeItem(KEY)
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

function tell() {
  listeners.forEach((listener) => listener())
}

function read(): Login | null {
  const stored = sessionStorage.getItem(KEY)
  if (!stored) return null
  const login = JSON.parse(stored) as Login
  return new Date(login.expires_at) > new Date() ? login : null
}
