import { useEffect, useState, type ReactNode } from 'react'

import { SettingsContext, type Config, type Settings } from './config'

type Props = { load: () => Promise<Config>; children: ReactNode }

/** Loads the settings beside the page, and again when somebody asks for it. */
export function SettingsProvider({ load, children }: Props) {
  const [attempt, setAttempt] = useState(0)
  const [settings, setSettings] = useState<Settings>({ state: 'loading' })

  useEffect(() => {
    let isCurrent = true
    const settle = (next: Settings) => isCurrent && setSettings(next)
    const retry = () => {
      settle({ state: 'loading' })
      setAttempt((number) => number + 1)
    }
    load().then(
      (config) => settle({ state: 'loaded', config }),
      (error: unknown) => {
        console.error(error)
        settle({ state: 'failed', retry })
      },
    )
    return () => {
      isCurrent = false
    }
  }, [load, attempt])

  return <SettingsContext value={settings}>{children}</SettingsContext>
}
