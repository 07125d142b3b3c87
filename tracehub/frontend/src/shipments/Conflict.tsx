import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'

import { AlertIcon } from '../layout/icons'
import { formatDay } from '../dates'
import type { Field } from './fields'
import type { Difference } from './merge'
import { labelOfField } from './words'

/** What is another by now than what was typed on top of, and since which version. */
export type Meanwhile = { version: number; differences: Difference[] }

type Props = { meanwhile: Meanwhile; onTake: (difference: Difference) => void }

/** What somebody else has changed meanwhile. Nothing of what was typed is lost; where both sides typed, both stand here. */
export function Conflict({ meanwhile: { version, differences }, onTake }: Props) {
  const frame = useRef<HTMLDivElement>(null)
  const [taken, setTaken] = useState<Field | null>(null)
  // Whoever saves is at the end of a long form, each time.
  useEffect(() => frame.current?.focus(), [version])

  function take(difference: Difference) {
    onTake(difference)
    setTaken(difference.field)
    // The button that was pressed goes.
    frame.current?.focus()
  }

  return (
    <div>
      <Alert
        ref={frame}
        tabIndex={-1}
        role="alert"
        color="orange"
        variant="light"
        icon={<AlertIcon />}
        title={t`Somebody else has changed this shipment meanwhile`}
      >
        <Text size="sm">
          <Trans>
            Nothing is saved yet. The form holds what you typed, and their changes elsewhere. Please
            look at them, and save again.
          </Trans>
        </Text>
        <Stack component="dl" gap="sm" my="sm">
          {differences.map((difference) => (
            <Side key={difference.field} difference={difference} onTake={take} />
          ))}
        </Stack>
      </Alert>
      <Text role="status" size="sm" mt="xs">
        {taken && t`${labelOfField(taken)}: theirs is in the form now.`}
      </Text>
    </div>
  )
}

function Side({ difference, onTake }: { difference: Difference; onTake: Props['onTake'] }) {
  const { field, isConflict } = difference
  const theirs = shown(field, difference.theirs)
  const mine = shown(field, difference.mine)
  return (
    <div>
      <Text component="dt" size="sm" fw={600}>
        {labelOfField(field)}
      </Text>
      <Text component="dd" m={0} size="sm" style={{ overflowWrap: 'anywhere' }}>
        {isConflict ? t`Theirs: ${theirs}` : t`Now: ${theirs}`}
        {isConflict && (
          <>
            <br />
            {t`Yours: ${mine}`}
          </>
        )}
        {isConflict && (
          <Group mt={4}>
            <Button size="xs" variant="default" onClick={() => onTake(difference)}>
              {t`Take theirs: ${labelOfField(field).toLowerCase()}`}
            </Button>
          </Group>
        )}
      </Text>
    </div>
  )
}

/** What is in a field, as people read it. */
export function shown(field: Field, value: string | null): string {
  if (!value) return t`nothing`
  return field === 'departs_on' || field === 'arrives_on' ? formatDay(value) : value
}
