import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'

import { credentials } from '../auth/credentials'
import { api } from './client'
import { byOurClock } from './login'
import { dataOf } from './problem'

export function useChangeName() {
  return useMutation({
    mutationFn: (body: { name: string }) => dataOf(api.PATCH('/api/auth/me', { body })),
    onSuccess: (me) => {
      const login = credentials.current()
      if (login) credentials.keep({ ...login, ...me })
    },
  })
}

/** Every other log-in ends; this one goes on with the cookie of the answer. */
export function useChangePassword() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async (body: { current: string; new: string }) => {
      const call = api.POST('/api/auth/password', { body })
      return byOurClock(await dataOf(call), (await call).response.headers.get('Date'))
    },
    onSuccess: (login) => {
      credentials.keep(login)
      return queries.invalidateQueries(sessions)
    },
  })
}

/** Where one is logged in. */
export const sessions = queryOptions({
  queryKey: ['sessions'],
  queryFn: ({ signal }) => dataOf(api.GET('/api/auth/sessions', { signal })),
})

/** Ends one of them, or all but this one. */
export function useEndSessions() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (id: string | null) =>
      id === null
        ? dataOf(api.DELETE('/api/auth/sessions'))
        : dataOf(api.DELETE('/api/auth/sessions/{id}', { params: { path: { id } } })),
    onSettled: () => queries.invalidateQueries(sessions),
  })
}
