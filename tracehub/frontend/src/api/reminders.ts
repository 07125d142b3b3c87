import { queryOptions } from '@tanstack/react-query'

import { api } from './client'
import { dataOf } from './problem'

export function reminders(shipmentId: string) {
  return queryOptions({
    queryKey: ['shipments', 'reminders', shipmentId],
    queryFn: ({ signal }) =>
      dataOf(
        api.GET('/api/shipments/{id}/reminders', { params: { path: { id: shipmentId } }, signal }),
      ),
  })
}
