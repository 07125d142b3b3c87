import { useMutation } from '@tanstack/react-query'

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

/** Every other log-in ends; this one goes on with the token of the answer. */
export function useChangePassword() {
  return useMutation({
    mutationFn: async (body: { current: string; new: string }) => {
      const call = api.POST('/api/auth/password', { body })
      return byOurClock(await dataOf(call), (await call).response.headers.get('Date'))
    },
    onSuccess: (login) => credentials.keep(login),
  })
}
