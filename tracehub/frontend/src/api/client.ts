import createClient from 'openapi-fetch'

import { credentials } from '../auth/credentials'
import type { KeptLogin } from '../auth/storedLogin'
import { fetchInTime } from './fetchInTime'
import type { paths } from './schema'

export const api = createClient<paths>({
  baseUrl: window.location.origin,
  fetch: fetchInTime,
})

/** Where a password is exchanged for a session. */
const LOG_IN = '/api/auth/login' satisfies keyof paths

/** By which log-in a request was sent. */
const sentBy = new WeakMap<Request, KeptLogin>()

api.use({
  onRequest({ request, schemaPath }) {
    const login = credentials.current()
    // A log-in is by the password alone: a wrong one says nothing about who is logged in.
    if (!login || schemaPath === LOG_IN) return
    sentBy.set(request, login)
    if (login.token) request.headers.set('Authorization', bearer(login.token))
  },

  onResponse({ request, response }) {
    // Only of the log-in in use: a late answer to an old one must not end a new one.
    const login = credentials.current()
    if (response.status === 401 && login && sentBy.get(request) === login) {
      credentials.drop('expired')
    }
  },
})

export function bearer(token: string) {
  return `Bearer ${token}`
}
