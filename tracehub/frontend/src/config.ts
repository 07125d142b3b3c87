import { createContext, use } from 'react'

/** What differs between environments. Read when the page opens, so one image runs in all of them. */
export type Config = { environment: string; release: string }

export async function loadConfig(): Promise<Config> {
  const response = await fetch('/config.json', { cache: 'no-store' })
  if (!response.ok) throw new Error(`/config.json answered ${response.status}`)
  const { environment, release } = (await response.json()) as Partial<Config>
  if (!environment || !release) throw new Error('/config.json lacks environment or release')
  return { environment, release }
}

export const ConfigContext = createContext<Config | null>(null)

export function useConfig(): Config {
  const config = use(ConfigContext)
  if (!config) throw new Error('useConfig needs a ConfigContext above it')
  return config
}
