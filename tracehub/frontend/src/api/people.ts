import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'

import { spokenLanguage } from '../language/speak'
import { api } from './client'
import { version } from './login'
import { dataOf } from './problem'
import type { PersonChange, Role } from './types'

export const people = queryOptions({
  queryKey: ['people', 'all'],
  queryFn: ({ signal }) => dataOf(api.GET('/api/people', { signal })),
})

export const invitations = queryOptions({
  queryKey: ['people', 'invitations'],
  queryFn: ({ signal }) => dataOf(api.GET('/api/invitations', { signal })),
})

function useAboutPeople<Asked, Answer>(mutationFn: (asked: Asked) => Promise<Answer>) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn,
    onSettled: () => void queries.invalidateQueries({ queryKey: ['people'] }),
  })
}

/** In the language of the page. A release that mails nothing knows of none: a tab may be open since before a rollback. */
export function useInvite() {
  const queries = useQueryClient()
  return useAboutPeople(async (body: { email: string; role: Role }) => {
    const runs = await queries.fetchQuery({ ...version, staleTime: 0 })
    const language = 'signs_up' in runs ? { language: spokenLanguage() } : {}
    return dataOf(api.POST('/api/invitations', { body: { ...body, ...language } }))
  })
}

export const useWithdraw = () =>
  useAboutPeople((id: string) =>
    dataOf(api.DELETE('/api/invitations/{id}', { params: { path: { id } } })),
  )

export const useChangePerson = () =>
  useAboutPeople(({ id, body }: { id: string; body: PersonChange }) =>
    dataOf(api.PATCH('/api/people/{id}', { params: { path: { id } }, body })),
  )

export const usePasswordLink = () =>
  useAboutPeople((id: string) =>
    dataOf(api.POST('/api/people/{id}/password-link', { params: { path: { id } } })),
  )

/** Asked by POST, since a link is a secret, and addresses are written into logs. */
export function link(token: string) {
  return queryOptions({
    queryKey: ['link', token],
    queryFn: ({ signal }) => dataOf(api.POST('/api/links/look', { body: { token }, signal })),
    staleTime: Infinity,
  })
}

export const useLink = () =>
  useMutation({
    mutationFn: (body: { token: string; name?: string; password: string }) =>
      dataOf(api.POST('/api/links/use', { body })),
  })
