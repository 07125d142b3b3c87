import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query'

import { api } from './client'
import { dataOf } from './problem'
import type { NewShipment } from './types'

const PAGE_SIZE = 25

export function shipmentList(search: string) {
  return infiniteQueryOptions({
    queryKey: ['shipments', 'list', search],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/shipments', {
          params: {
            query: { limit: PAGE_SIZE, after: pageParam, search: search || undefined },
          },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  })
}

export function shipment(id: string) {
  return queryOptions({
    queryKey: ['shipments', 'one', id],
    queryFn: ({ signal }) =>
      dataOf(api.GET('/api/shipments/{id}', { params: { path: { id } }, signal })),
  })
}

export function useCreateShipment() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (body: NewShipment) => dataOf(api.POST('/api/shipments', { body })),
    onSuccess: (created) => {
      queries.setQueryData(shipment(created.id).queryKey, created)
      return queries.invalidateQueries({ queryKey: ['shipments', 'list'] })
    },
  })
}
