import { i18n } from '@lingui/core'
import { I18nProvider } from '@lingui/react'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { useEffect, useState } from 'react'

import { Look } from './Look'
import { SettingsProvider } from './SettingsProvider'
import { delayBefore, mayHealByItself } from './api/retry'
import { credentials } from './auth/credentials'
import type { Config } from './config'
import type { AppRouter } from './router'

type Props = { loadConfig: () => Promise<Config>; router: AppRouter }

export function App({ loadConfig, router }: Props) {
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
      <I18nProvider i18n={i18n}>
        <SettingsProvider load={loadConfig}>
          <QueryClientProvider client={queries}>
            <RouterProvider router={router} />
          </QueryClientProvider>
        </SettingsProvider>
      </I18nProvider>
    </Look>
  )
}

function createQueryClient() {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        // Without a connection they fail at once, and say so, instead of waiting for one without a word.
        networkMode: 'always',
        refetchOnReconnect: true,
        retry: (failures, error) => failures < 2 && mayHealByItself(error),
        retryDelay: (failures, error) => delayBefore(failures, error),
      },
      mutations: { networkMode: 'always' },
    },
  })
}
