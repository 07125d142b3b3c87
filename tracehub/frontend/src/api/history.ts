import { infiniteQueryOptions } from '@tanstack/react-query'

import { api } from './client'
import { dataOf } from './problem'

export function history(shipmentId: string) {
  return infiniteQueryOptions({
    queryKey: ['shipments', 'history', shipmentId],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/shipments/{id}/history', {
          params: { path: { id: shipmentId }, query: { after: pageParam } },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  })
}
