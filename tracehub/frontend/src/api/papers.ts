import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'

import { api } from './client'
import { dataOf } from './problem'
import type { Paper } from './types'

export function papers(shipmentId: string) {
  return queryOptions({
    queryKey: ['shipments', 'papers', shipmentId],
    queryFn: ({ signal }) =>
      dataOf(
        api.GET('/api/shipments/{id}/papers', { params: { path: { id: shipmentId } }, signal }),
      ),
  })
}

/** What has changed about a shipment's papers changes its history, too. */
export function useNewPapers(shipmentId: string) {
  const queries = useQueryClient()
  return () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: ['shipments', 'papers', shipmentId] }),
      queries.invalidateQueries({ queryKey: ['shipments', 'history', shipmentId] }),
    ])
}

export function useRemovePaper(shipmentId: string) {
  const refresh = useNewPapers(shipmentId)
  return useMutation({
    mutationFn: (id: string) =>
      dataOf(api.DELETE('/api/papers/{id}', { params: { path: { id } } })),
    onSettled: () => void refresh(),
  })
}

/** A file takes as long as the line makes it take. */
const patiently = (request: Request) => fetch(request)

/** Fetches a version of a paper, and has the browser save it under its name. */
export function useDownload() {
  return useMutation({
    mutationFn: async ({ paper, version }: { paper: Paper; version: number }) => {
      const file = await dataOf(
        api.GET('/api/papers/{id}/content', {
          params: { path: { id: paper.id }, query: { version } },
          parseAs: 'blob',
          fetch: patiently,
        }),
      )
      const name = paper.versions.find((one) => one.version === version)?.name ?? 'paper'
      save(file, name)
    },
  })
}

/** All papers of a shipment, as one file. */
export function usePack(shipmentId: string, reference: string) {
  return useMutation({
    mutationFn: async () => {
      const pack = await dataOf(
        api.GET('/api/shipments/{id}/pack', {
          params: { path: { id: shipmentId } },
          parseAs: 'blob',
          fetch: patiently,
        }),
      )
      save(pack, `${reference}.zip`)
    },
  })
}

function save(file: Blob, name: string) {
  const address = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  // Some browsers read it only after the click was answered.
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}
