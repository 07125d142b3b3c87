import createClient from 'openapi-fetch'

import { credentials } from '../auth/credentials'
import type { paths } from './schema'

export const api = createClient<paths>({
  baseUrl: window.location.origin,
  fetch: (request) => fetch(request),
})

api.use({
  onRequest({ request }) {
    const login = credentials.current()
    if (login) request.headers.set('Authorization', bearer(login.token))
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

function bearer(token: string) {
  return `Bearer ${token}`
}
