import { createMemoryHistory } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import userEvent from '@testing-library/user-event'

import { App } from '../App'
import { credentials } from '../auth/credentials'
import type { Config } from '../config'
import { createAppRouter } from '../router'
import { ADA } from './samples'

const STAGING: Config = { environment: 'staging', release: '20260103t120000z-1a2b3c4d5e6f' }

/** Opens the whole app at an address, as a visitor does. */
export function open(
  address: string,
  config: () => Promise<Config> = () => Promise.resolve(STAGING),
) {
  const router = createAppRouter(createMemoryHistory({ initialEntries: [address] }))
  const { unmount } = render(<App loadConfig={config} router={router} />)
  return {
    user: userEvent.setup({ delay: null }),
    address: () => router.state.location.href,
    /** As when the tab is closed or crashes: nothing of it goes on. */
    close: unmount,
  }
}

export function openAsAda(address: string, config?: () => Promise<Config>) {
  credentials.keep(ADA)
  return open(address, config)
}
