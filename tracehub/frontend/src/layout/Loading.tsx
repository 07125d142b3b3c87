import { Stack, Text } from '@mantine/core'
import { useEffect, useState, type ReactNode } from 'react'

const LONG_MS = 4_000

/** The outline of what is on its way, and after a while a word that it takes longer than usual. */
export function Loading({ what, children }: { what: string; children: ReactNode }) {
  const [isLong, setIsLong] = useState(false)

  useEffect(() => {
    const timer = setTimeout(() => setIsLong(true), LONG_MS)
    return () => clearTimeout(timer)
  }, [])

  return (
    <Stack role="status" aria-label={`Loading ${what}`} gap="md">
      {isLong && <Text c="dimmed">This takes longer than usual. Please wait a moment.</Text>}
      {children}
    </Stack>
  )
}
