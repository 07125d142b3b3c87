import { Alert, Button, Code, Text } from '@mantine/core'

import { explain } from '../api/problem'
import { AlertIcon } from './icons'

type Props = { error: Error; onRetry?: () => void }

/** What went wrong, what to do about it, and the number that support can look up. */
export function ProblemAlert({ error, onRetry }: Props) {
  const { title, advice, requestId } = explain(error)
  return (
    <Alert role="alert" color="red" variant="light" icon={<AlertIcon />} title={title}>
      {advice && <Text size="sm">{advice}</Text>}
      {requestId && (
        <Text size="xs" mt={6} c="dimmed">
          Request <Code>{requestId}</Code>
        </Text>
      )}
      {onRetry && (
        <Button mt="sm" size="xs" variant="default" onClick={onRetry}>
          Try again
        </Button>
      )}
    </Alert>
  )
}
