import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query'

import { api } from './client'
import { dataOf } from './problem'
import type { paths } from './schema'

const PAGE_SIZE = 50

/** What narrows it, as the API and the address of the page have it. */
export type ActivityFilter = { kind?: string; by?: string; about?: string }

/** What has happened in the organisation, the latest first. */
export function activity(filter: ActivityFilter) {
  return infiniteQueryOptions({
    queryKey: ['activity', filter],
    queryFn: ({ pageParam, signal }) =>
      dataOf(
        api.GET('/api/history', {
          params: { query: { limit: PAGE_SIZE, after: pageParam, ...asAsked(filter) } },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
    // Whoever comes back to it wants to know what is new.
    staleTime: 0,
  })
}

/** What an address says of kinds may be none: the API refuses it, and says so. */
const asAsked = (filter: ActivityFilter) =>
  filter as paths['/api/history']['get']['parameters']['query']
