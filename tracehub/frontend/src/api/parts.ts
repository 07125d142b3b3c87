import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'

import { api } from './client'
import { dataOf } from './problem'
import type { ContainerChange, ItemChange, NewContainer, NewItem } from './types'

/** What belongs to a shipment and has an address below its own: its containers, its items, its partners. */
export function containers(shipmentId: string) {
  return queryOptions({
    queryKey: ['shipments', 'containers', shipmentId],
    queryFn: ({ signal }) =>
      dataOf(
        api.GET('/api/shipments/{id}/containers', {
          params: { path: { id: shipmentId } },
          signal,
        }),
      ),
  })
}

export function items(shipmentId: string) {
  return queryOptions({
    queryKey: ['shipments', 'items', shipmentId],
    queryFn: ({ signal }) =>
      dataOf(
        api.GET('/api/shipments/{id}/items', { params: { path: { id: shipmentId } }, signal }),
      ),
  })
}

export function partnersOf(shipmentId: string) {
  return queryOptions({
    queryKey: ['shipments', 'partners', shipmentId],
    queryFn: ({ signal }) =>
      dataOf(
        api.GET('/api/shipments/{id}/partners', { params: { path: { id: shipmentId } }, signal }),
      ),
  })
}

/** Under one key a part is added once, however often it is sent. */
type Added<Body> = { body: Body; key: string }
/** Of the version that was seen: when there is another one by now, nothing is changed, and the API answers 412. */
type OfVersion = { id: string; version: number }

export function useContainers(id: string) {
  return {
    add: useAbout(({ body, key }: Added<NewContainer>) =>
      dataOf(api.POST('/api/shipments/{id}/containers', { body, params: once(id, key) })),
    ),
    change: useAbout(({ id: container, version, body }: OfVersion & { body: ContainerChange }) =>
      dataOf(
        api.PATCH('/api/shipments/{id}/containers/{container}', {
          body,
          params: { path: { id, container }, header: seen(version) },
        }),
      ),
    ),
    remove: useAbout(({ id: container, version }: OfVersion) =>
      dataOf(
        api.DELETE('/api/shipments/{id}/containers/{container}', {
          params: { path: { id, container }, header: seen(version) },
        }),
      ),
    ),
  }
}

export function useItems(id: string) {
  return {
    add: useAbout(({ body, key }: Added<NewItem>) =>
      dataOf(api.POST('/api/shipments/{id}/items', { body, params: once(id, key) })),
    ),
    change: useAbout(({ id: item, version, body }: OfVersion & { body: ItemChange }) =>
      dataOf(
        api.PATCH('/api/shipments/{id}/items/{item}', {
          body,
          params: { path: { id, item }, header: seen(version) },
        }),
      ),
    ),
    remove: useAbout(({ id: item, version }: OfVersion) =>
      dataOf(
        api.DELETE('/api/shipments/{id}/items/{item}', {
          params: { path: { id, item }, header: seen(version) },
        }),
      ),
    ),
  }
}

export function usePartnersOf(id: string) {
  return {
    give: useAbout((partner: string) =>
      dataOf(
        api.PUT('/api/shipments/{id}/partners/{partner}', { params: { path: { id, partner } } }),
      ),
    ),
    take: useAbout((partner: string) =>
      dataOf(
        api.DELETE('/api/shipments/{id}/partners/{partner}', {
          params: { path: { id, partner } },
        }),
      ),
    ),
  }
}

const once = (id: string, key: string) => ({ path: { id }, header: { 'idempotency-key': key } })
const seen = (version: number) => ({ 'if-match': `"${version}"` })

/** The shipment's own row and its history say it as well. Waited for, so that what is shown is what is there. */
function useAbout<Asked, Answer>(mutationFn: (asked: Asked) => Promise<Answer>) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn,
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['partners'] })
      return queries.invalidateQueries({ queryKey: ['shipments'] })
    },
  })
}
