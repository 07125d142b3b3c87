import { useMutation } from '@tanstack/react-query'

import { credentials } from '../auth/credentials'
import { api } from './client'
import { dataOf } from './problem'

export function useLogIn() {
  return useMutation({
    mutationFn: (body: { email: string; password: string }) =>
      dataOf(api.POST('/api/auth/login', { body })),
    onSuccess: (login) => credentials.keep(login),
  })
}
