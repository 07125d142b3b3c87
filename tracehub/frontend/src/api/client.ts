import createClient from 'openapi-fetch'

import { credentials } from '../auth/credentials'
import { fetchInTime } from './fetchInTime'
import type { paths } from './schema'

export const api = createClient<paths>({
  baseUrl: window.location.origin,
  fetch: fetchInTime,
})

/** Where a password is exchanged for a token. */
const LOG_IN = '/api/auth/login' satisfies keyof paths

api.use({
  onRequest({ request, schemaPath }) {
    const login = credentials.current()
    // A log-in is by the password alone: a wrong one says nothing about the token.
    if (login && schemaPath !== LOG_IN) request.headers.set('Authorization', bearer(login.token))
  },

  onResponse({ request, response }) {
    // Only of the token in use: a late answer to an old one must not end a new log-in.
    const login = credentials.current()
    const refused = response.status === 401 && login !== null
    if (refused && request.headers.get('Authorization') === bearer(login.token)) {
      credentials.drop('expired')
    }
  },
})

export function bearer(token: string) {
  return `Bearer ${token}`
}
