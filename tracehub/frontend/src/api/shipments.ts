import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query'

import { api } from './client'
import { history } from './history'
import { dataOf } from './problem'
import type { Wanted } from '../shipments/wanted'
import type { paths } from './schema'
import type { NewShipment, ShipmentChange } from './types'

const PAGE_SIZE = 25

export function shipmentList(wanted: Wanted) {
  return infiniteQueryOptions({
    queryKey: ['shipments', 'list', wanted],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/shipments', {
          params: {
            query: { limit: PAGE_SIZE, after: pageParam, ...asAsked(wanted) },
          },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  })
}

/** What the address says of stages and orders may be none: the API refuses it, and says so. */
const asAsked = (wanted: Wanted) => wanted as paths['/api/shipments']['get']['parameters']['query']

/** The same shipments as a file, which the browser keeps. */
export function useShipmentsAsCsv() {
  return useMutation({
    mutationFn: (wanted: Wanted) =>
      dataOf(
        api.GET('/api/shipments/csv', { params: { query: asAsked(wanted) }, parseAs: 'blob' }),
      ),
    onSuccess: (file) => {
      const link = document.createElement('a')
      link.href = URL.createObjectURL(file)
      link.download = 'shipments.csv'
      link.click()
      URL.revokeObjectURL(link.href)
    },
  })
}

export function shipment(id: string) {
  return queryOptions({
    queryKey: ['shipments', 'one', id],
    queryFn: ({ signal }) =>
      dataOf(api.GET('/api/shipments/{id}', { params: { path: { id } }, signal })),
  })
}

/** Under one key a shipment is created once, however often it is sent: an answer may get lost on its way. */
type Creation = { body: NewShipment; key: string }

/** `onCreated` is called also when the page that asked for it is gone by then. */
export function useCreateShipment(onCreated: () => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ body, key }: Creation) =>
      dataOf(api.POST('/api/shipments', { body, params: { header: { 'idempotency-key': key } } })),
    onSuccess: (created) => {
      onCreated()
      queries.setQueryData(shipment(created.id).queryKey, created)
      // Not waited for: the shipment is there.
      void queries.invalidateQueries({ queryKey: ['shipments', 'list'] })
    },
  })
}

type Copying = { id: string; reference: string; key: string }

export function useCopyShipment() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ id, reference, key }: Copying) =>
      dataOf(
        api.POST('/api/shipments/{id}/copy', {
          body: { reference },
          params: { path: { id }, header: { 'idempotency-key': key } },
        }),
      ),
    onSuccess: (copy) => {
      queries.setQueryData(shipment(copy.id).queryKey, copy)
      void queries.invalidateQueries({ queryKey: ['shipments', 'list'] })
    },
  })
}

/** Of the version that was seen: when there is another one by now, nothing is changed, and the API answers 412. */
type ChangeOfVersion = { id: string; version: number; body: ShipmentChange }

/** `onChanged` is called also when the page that asked for it is gone by then. */
export function useChangeShipment(onChanged?: () => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ id, version, body }: ChangeOfVersion) =>
      dataOf(
        api.PATCH('/api/shipments/{id}', {
          body,
          params: { path: { id }, header: { 'if-match': `"${version}"` } },
        }),
      ),
    onSuccess: (changed) => {
      onChanged?.()
      queries.setQueryData(shipment(changed.id).queryKey, changed)
    },
    // Also after a refusal: it may stand elsewhere by now.
    onSettled: (_, __, { id }) => {
      void queries.invalidateQueries({ queryKey: shipment(id).queryKey })
      void queries.invalidateQueries({ queryKey: history(id).queryKey })
      void queries.invalidateQueries({ queryKey: ['shipments', 'list'] })
    },
  })
}
