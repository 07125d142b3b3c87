import { queryOptions } from '@tanstack/react-query'

import { api } from './client'
import { dataOf } from './problem'

export function history(shipmentId: string) {
  return queryOptions({
    queryKey: ['shipments', 'history', shipmentId],
    queryFn: ({ signal }) =>
      dataOf(
        api.GET('/api/shipments/{id}/history', { params: { path: { id: shipmentId } }, signal }),
      ),
  })
}
