import { Trans } from '@lingui/react/macro'
import { Alert, Button, Code, Text } from '@mantine/core'
import { useEffect, useEffectEvent } from 'react'

import { ApiError, explain } from '../api/problem'
import { AlertIcon } from './icons'

type Props = {
  error: Error
  /** Asks again. Where the answer said when, that happens by itself. */
  onRetry?: () => void
}

/** What went wrong, what to do about it, and the number that support can look up. */
export function ProblemAlert({ error, onRetry }: Props) {
  const { title, advice, requestId } = explain(error)
  const asksAgain = useRetryByItself(error, onRetry)
  return (
    <Alert role="alert" color="red" variant="light" icon={<AlertIcon />} title={title}>
      {advice && <Text size="sm">{advice}</Text>}
      {asksAgain && (
        <Text size="sm">
          <Trans>This page tries again by itself.</Trans>
        </Text>
      )}
      {requestId && (
        <Text size="xs" mt={6} c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          <Trans>
            Request <Code>{requestId}</Code>
          </Trans>
        </Text>
      )}
      {onRetry && (
        <Button mt="sm" size="xs" variant="default" onClick={onRetry}>
          <Trans>Try again</Trans>
        </Button>
      )}
    </Alert>
  )
}

/** A page that is open for longer than this, nobody is waiting for. */
const LONGEST_WAIT_S = 15 * 60

/** Whether it will be asked again: at the time that the answer named, and a little later, so that not all come at once. */
function useRetryByItself(error: Error, onRetry?: () => void): boolean {
  const seconds = error instanceof ApiError ? error.retryAfter : null
  const will = onRetry !== undefined && seconds !== null && seconds <= LONGEST_WAIT_S

  const retry = useEffectEvent(() => onRetry?.())

  useEffect(() => {
    if (!will) return
    const timer = setTimeout(retry, seconds * 1000 * (1 + Math.random() / 4))
    return () => clearTimeout(timer)
  }, [error, will, seconds])

  return will
}
