import { queryOptions, useMutation } from '@tanstack/react-query'

import { credentials } from '../auth/credentials'
import { spokenLanguage } from '../language/speak'
import { api, bearer } from './client'
import { dataOf } from './problem'
import type { Login, NewSignUp } from './types'

/** Who the log-in is kept for until it ends; also used to stay logged in, before the end. */
export function useLogIn() {
  return useMutation({
    mutationFn: async (body: { email: string; password: string }) => {
      const call = api.POST('/api/auth/login', { body })
      return byOurClock(await dataOf(call), (await call).response.headers.get('Date'))
    },
    onSuccess: (login) => credentials.keep(login),
  })
}

/** Has a link sent with which somebody chooses another password, in the language of the page. */
export const useForgotten = () =>
  useMutation({
    mutationFn: (email: string) =>
      dataOf(api.POST('/api/auth/forgotten', { body: { email, language: spokenLanguage() } })),
  })

/** Has a link sent with which somebody makes their organisation, in the language of the page. */
export const useSignUp = () =>
  useMutation({
    mutationFn: (body: Omit<NewSignUp, 'language'>) =>
      dataOf(api.POST('/api/sign-ups', { body: { ...body, language: spokenLanguage() } })),
  })

/** What runs there. */
export const version = queryOptions({
  queryKey: ['version'],
  queryFn: ({ signal }) => dataOf(api.GET('/api/version', { signal })),
  staleTime: Infinity,
  retry: false,
})

/**
 * Forgets the log-in at once, and has the server end it. The request outlives the page, so who closes the tab right
 * away is logged out, too. Where it fails, the log-in page says what that means.
 */
export function logOut() {
  const login = credentials.current()
  if (!login) return
  credentials.drop('logged-out')
  const headers = login.token ? { Authorization: bearer(login.token) } : {}
  api
    .POST('/api/auth/logout', { headers, keepalive: true })
    .then(({ response }) => response.ok || response.status === 401 || notTold(), notTold)
}

function notTold() {
  if (!credentials.current()) credentials.drop('logged-out-here-only')
}

/** A computer's clock may be wrong by hours; when the log-in ends is then another time by it. */
export function byOurClock(login: Login, serverTime: string | null): Login {
  const ahead = serverTime ? Date.now() - Date.parse(serverTime) : 0
  if (Number.isNaN(ahead)) return login
  const moved = (iso: string) => new Date(Date.parse(iso) + ahead).toISOString()
  const { session } = login
  return {
    ...login,
    expires_at: moved(login.expires_at),
    session: session && { ...session, expires_at: moved(session.expires_at) },
  }
}
