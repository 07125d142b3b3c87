import { createContext, use } from 'react'

import { page } from './reports/report'

/** What differs between environments. Read when the page opens, so one image runs in all of them. */
export type Config = { environment: string; release: string }

const WAIT_MS = 10_000

/** Fails when no answer has come in time, and when the answer is not the settings. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch('/config.json', {
    cache: 'no-store',
    signal: AbortSignal.timeout(WAIT_MS),
  })
  if (!response.ok) throw new Error(`/config.json answered ${response.status}`)
  const { environment, release } = (await response.json()) as Partial<Config>
  if (!environment || !release) throw new Error('/config.json lacks environment or release')
  page.release = release
  return { environment, release }
}

/** The page does not wait for its settings: it is used without while they are on their way. */
export type Settings =
  | { state: 'loading' }
  | { state: 'loaded'; config: Config }
  | { state: 'failed'; retry: () => void }

export const SettingsContext = createContext<Settings>({ state: 'loading' })

export function useSettings(): Settings {
  return use(SettingsContext)
}
