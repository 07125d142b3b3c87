import type { Login } from '../api/types'
import { forget, recall, remember } from '../storage'

const KEY = 'tracehub.credentials'

/** The log-in that this tab keeps over a reload, while it is good. What is not one, whoever wrote it, is none. */
export function storedLogin(): Login | null {
  try {
    const login = JSON.parse(recall('sessionStorage', KEY) ?? 'null') as Login | null
    const isWhole = login?.token && login.user.id && login.organisation.name
    return isWhole && new Date(login.expires_at) > new Date() ? login : null
  } catch {
    return null
  }
}

export function storeLogin(login: Login) {
  remember('sessionStorage', KEY, JSON.stringify(login))
}

export function forgetLogin() {
  forget('sessionStorage', KEY)
}
