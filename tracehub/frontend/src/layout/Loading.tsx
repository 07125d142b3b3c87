import { Trans } from '@lingui/react/macro'
import { Stack, Text } from '@mantine/core'
import { useEffect, useState, type ReactNode } from 'react'

const LONG_MS = 4_000

/** The outline of what is on its way, and after a while a word that it takes longer than usual. */
export function Loading({ label, children }: { label: string; children: ReactNode }) {
  const [isLong, setIsLong] = useState(false)

  useEffect(() => {
    const timer = setTimeout(() => setIsLong(true), LONG_MS)
    return () => clearTimeout(timer)
  }, [])

  return (
    <Stack role="status" aria-label={label} gap="md">
      {isLong && (
        <Text c="dimmed">
          <Trans>This takes longer than usual. Please wait a moment.</Trans>
        </Text>
      )}
      {children}
    </Stack>
  )
}
