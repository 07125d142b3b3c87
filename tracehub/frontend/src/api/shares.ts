import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'

import { api } from './client'
import { dataOf } from './problem'
import type { NewShare } from './types'

export function shares(shipmentId: string) {
  return queryOptions({
    queryKey: ['shipments', 'shares', shipmentId],
    queryFn: ({ signal }) =>
      dataOf(
        api.GET('/api/shipments/{id}/shares', { params: { path: { id: shipmentId } }, signal }),
      ),
  })
}

function useAboutShares<Asked, Answer>(
  shipmentId: string,
  mutationFn: (asked: Asked) => Promise<Answer>,
) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn,
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['shipments', 'shares', shipmentId] })
      void queries.invalidateQueries({ queryKey: ['shipments', 'history', shipmentId] })
    },
  })
}

export const useShare = (shipmentId: string) =>
  useAboutShares(shipmentId, (body: NewShare) =>
    dataOf(api.POST('/api/shipments/{id}/shares', { params: { path: { id: shipmentId } }, body })),
  )

export const useRevokeShare = (shipmentId: string) =>
  useAboutShares(shipmentId, (id: string) =>
    dataOf(api.DELETE('/api/shares/{id}', { params: { path: { id } } })),
  )
