import type { Login } from '../api/types'
import { forget, recall, remember } from '../storage'

/**
 * Who is logged in, as the page keeps it: without a secret, since the browser sends the cookie of the session by itself. A
 * release from before there were sessions gives a token instead, which is for this tab.
 */
export type KeptLogin = Omit<Login, 'token'> & { token?: string }

export const KEY = 'tracehub.credentials'

/** What was kept, while it is good. What is none, whoever wrote it, is none. */
export function storedLogin(): KeptLogin | null {
  const session = read('localStorage')
  if (session?.session?.id) return session
  const token = read('sessionStorage')
  return token?.token ? token : null
}

export function storeLogin(login: KeptLogin) {
  forgetLogin()
  remember(login.session ? 'localStorage' : 'sessionStorage', KEY, JSON.stringify(login))
}

export function forgetLogin() {
  forget('localStorage', KEY)
  forget('sessionStorage', KEY)
}

function read(where: 'localStorage' | 'sessionStorage'): KeptLogin | null {
  try {
    const login = JSON.parse(recall(where, KEY) ?? 'null') as KeptLogin | null
    const isWhole = login?.user.id && login.organisation.name
    return isWhole && new Date(login.expires_at) > new Date() ? login : null
  } catch {
    return null
  }
}
