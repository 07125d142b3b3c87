import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { useEffect, useRef } from 'react'

import { AlertIcon } from '../layout/icons'
import { formatDay } from '../dates'
import { LABELS, type Field } from './fields'
import type { Difference } from './merge'

type Props = { differences: Difference[]; onTake: (difference: Difference) => void }

/** What somebody else has changed meanwhile. Nothing of what was typed is lost; where both sides typed, both stand here. */
export function Conflict({ differences, onTake }: Props) {
  const frame = useRef<HTMLDivElement>(null)
  // Whoever saves is at the end of a long form.
  useEffect(() => frame.current?.focus(), [])
  return (
    <Alert
      ref={frame}
      tabIndex={-1}
      role="alert"
      color="orange"
      variant="light"
      icon={<AlertIcon />}
      title="Somebody else has changed this shipment meanwhile"
    >
      <Text size="sm">
        Nothing is saved yet. The form holds what you typed, and their changes elsewhere. Please
        look at them, and save again.
      </Text>
      <Stack component="dl" gap="sm" my="sm">
        {differences.map((difference) => (
          <Side key={difference.field} difference={difference} onTake={onTake} />
        ))}
      </Stack>
    </Alert>
  )
}

function Side({ difference, onTake }: { difference: Difference; onTake: Props['onTake'] }) {
  const { field, theirs, mine, isConflict } = difference
  return (
    <div>
      <Text component="dt" size="sm" fw={600}>
        {LABELS[field]}
      </Text>
      <Text component="dd" m={0} size="sm" style={{ overflowWrap: 'anywhere' }}>
        {isConflict ? 'Theirs: ' : 'Now: '}
        {shown(field, theirs)}
        {isConflict && (
          <>
            <br />
            Yours: {shown(field, mine)}
          </>
        )}
        {isConflict && (
          <Group mt={4}>
            <Button size="xs" variant="default" onClick={() => onTake(difference)}>
              Take theirs: {LABELS[field].toLowerCase()}
            </Button>
          </Group>
        )}
      </Text>
    </div>
  )
}

/** What is in a field, as people read it. */
export function shown(field: Field, value: string | null): string {
  if (!value) return 'nothing'
  return field === 'departs_on' || field === 'arrives_on' ? formatDay(value) : value
}
