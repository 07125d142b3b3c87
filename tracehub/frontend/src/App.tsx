import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { useEffect, useState } from 'react'

import { Look } from './Look'
import { ApiError } from './api/problem'
import { credentials } from './auth/credentials'
import { ConfigContext, type Config } from './config'
import type { AppRouter } from './router'

type Props = { config: Config; router: AppRouter }

export function App({ config, router }: Props) {
  const [queries] = useState(createQueryClient)

  // Whoever was logged in leaves nothing behind; the router's guard then shows the log-in page.
  useEffect(
    () =>
      credentials.subscribe(() => {
        if (credentials.current()) return
        queries.clear()
        void router.invalidate()
      }),
    [queries, router],
  )

  return (
    <Look>
      <ConfigContext value={config}>
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </ConfigContext>
    </Look>
  )
}

function createQueryClient() {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        retry: (failures, error) => failures < 2 && mayHealByItself(error),
      },
    },
  })
}

/** An answer such as 404 will be the same a second later; a cut network or a 503 may not. */
function mayHealByItself(error: Error) {
  return !(error instanceof ApiError) || error.problem.status >= 500
}
