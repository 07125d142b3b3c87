import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query'

import { api } from './client'
import { dataOf } from './problem'
import type { NewPartner, PartnerChange, PartnerKind } from './types'

const PAGE_SIZE = 25

/** By name; those of a kind, and with this in their name. */
export function partnerList(search: string, kind?: PartnerKind) {
  return infiniteQueryOptions({
    queryKey: ['partners', 'list', search, kind],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/partners', {
          params: {
            query: { limit: PAGE_SIZE, after: pageParam, search: search || undefined, kind },
          },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  })
}

export function partner(id: string) {
  return queryOptions({
    queryKey: ['partners', 'one', id],
    queryFn: ({ signal }) =>
      dataOf(api.GET('/api/partners/{id}', { params: { path: { id } }, signal })),
  })
}

export const useCreatePartner = () =>
  useAboutPartners(({ body, key }: { body: NewPartner; key: string }) =>
    dataOf(api.POST('/api/partners', { body, params: { header: { 'idempotency-key': key } } })),
  )

type OfVersion = { id: string; version: number }

export const useChangePartner = () =>
  useAboutPartners(({ id, version, body }: OfVersion & { body: PartnerChange }) =>
    dataOf(api.PATCH('/api/partners/{id}', { body, params: seen(id, version) })),
  )

export const useRemovePartner = () =>
  useAboutPartners(({ id, version }: OfVersion) =>
    dataOf(api.DELETE('/api/partners/{id}', { params: seen(id, version) })),
  )

const seen = (id: string, version: number) => ({
  path: { id },
  header: { 'if-match': `"${version}"` },
})

/** Shipments name their partners, so they may be others as well. */
function useAboutPartners<Asked, Answer>(mutationFn: (asked: Asked) => Promise<Answer>) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn,
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['partners'] })
      void queries.invalidateQueries({ queryKey: ['shipments'] })
    },
  })
}
